/** Tries a platform token live, before it is written down. Says who it belongs to, or why it does not work. */
import { errorMessage } from '../domain/errors.ts';

export type Probe =
  | { readonly ok: true; readonly as: string }
  | { readonly ok: false; readonly reason: string };

/** Long enough for a slow line, short enough to wait for at a prompt. */
const TIMEOUT_MS = 10_000;

type Reply = Readonly<Record<string, unknown>>;

export async function probeDiscord(apiUrl: string, token: string): Promise<Probe> {
  return probe(`${trimmed(apiUrl)}/v10/users/@me`, { authorization: `Bot ${token}` }, (status, body) =>
    status === 200
      ? { ok: true, as: `@${text(body.username)}` }
      : { ok: false, reason: refusal(status, 'Copy it again from the Bot page of the developer portal.') },
  );
}

export async function probeSlackBot(apiUrl: string, token: string): Promise<Probe> {
  return probe(`${trimmed(apiUrl)}/auth.test`, { authorization: `Bearer ${token}` }, (_status, body) =>
    body.ok === true
      ? { ok: true, as: `${text(body.user)} in ${text(body.team)}` }
      : { ok: false, reason: `Slack says ${text(body.error)}. The bot token starts with xoxb-.` },
  );
}

export async function probeSlackApp(apiUrl: string, token: string): Promise<Probe> {
  return probe(
    `${trimmed(apiUrl)}/apps.connections.open`,
    { authorization: `Bearer ${token}` },
    (_status, body) =>
      body.ok === true
        ? { ok: true, as: 'Socket Mode' }
        : {
            ok: false,
            reason: `Slack says ${text(body.error)}. The app token starts with xapp- and needs the scope connections:write.`,
          },
  );
}

export async function probeTelegram(apiUrl: string, token: string): Promise<Probe> {
  return probe(`${trimmed(apiUrl)}/bot${token}/getMe`, {}, (status, body) => {
    const bot = body.result;
    return body.ok === true && typeof bot === 'object' && bot !== null && 'username' in bot
      ? { ok: true, as: `@${text(bot.username)}` }
      : { ok: false, reason: refusal(status, 'Ask @BotFather for it again with /token.') };
  });
}

async function probe(
  url: string,
  headers: Readonly<Record<string, string>>,
  judge: (status: number, body: Reply) => Probe,
): Promise<Probe> {
  try {
    const response = await fetch(url, {
      method: url.includes('/v10/') ? 'GET' : 'POST',
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body: unknown = await response.json();
    return judge(response.status, typeof body === 'object' && body !== null ? (body as Reply) : {});
  } catch (error) {
    // The address of Telegram holds the token, so it is not repeated.
    return { ok: false, reason: `${new URL(url).host} could not be reached: ${errorMessage(error)}` };
  }
}

const refusal = (status: number, remedy: string): string =>
  status === 401 || status === 404 ? `The token was refused. ${remedy}` : `The platform answered ${status}.`;
const trimmed = (url: string): string => url.replace(/\/+$/, '');
const text = (value: unknown): string => (typeof value === 'string' ? value : 'unknown');
