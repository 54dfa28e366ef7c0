/** The fake platforms of the tests as the far end of a load: private conversations, and a listener for replies. */
import { startFakeDiscord } from '../test/fakes/discord-server.ts';
import { TOKENS } from '../test/fakes/slack/state.ts';
import { startFakeSlack } from '../test/fakes/slack-server.ts';
import { startFakeTelegram } from '../test/fakes/telegram-server.ts';
import type { FloorOptions } from './floor/answer.ts';
import { MARK } from './model.ts';

export const platformNames = ['telegram', 'slack', 'discord'] as const;
export type PlatformName = (typeof platformNames)[number];

export type Platform = {
  readonly name: PlatformName;
  /** Its section of Parley's configuration. */
  readonly yaml: string;
  readonly floor: Omit<FloorOptions, 'modelUrl' | 'instructions'>;
  /** One message of the person with that number, in private. */
  say(session: number, text: string): void;
  /** Answers come in bursts, with pauses in between that are at least so long. */
  readonly lullMs?: number;
  /** Called with every text the bot shows. */
  onShown: (text: string) => void;
  close(): Promise<void>;
};

/** A mark that tells which message of which session an answer belongs to. */
export const markOf = (session: number, count: number): string => `zq${session}x${count}z`;

export function readMark(text: string): { session: number; count: number } | undefined {
  const [, session, count] = MARK.exec(text) ?? [];
  return session === undefined || count === undefined
    ? undefined
    : { session: Number(session), count: Number(count) };
}

/** What a fake writes down is told at once, and forgotten before it slows the fake down. */
function listen<T>(list: T[], kept: number, on: (item: T) => void): void {
  const push = list.push.bind(list);
  list.push = (...items: T[]) => {
    if (list.length > 2 * kept) list.splice(0, kept);
    for (const item of items) on(item);
    return push(...items);
  };
}

/** Its SDK makes 50 calls at the beginning of each second, and then waits for the next. */
const DISCORD_LULL_MS = 300;
const FEW = 100;
/** More than can be written to at once. */
const MANY = 4_000;

const starters: Readonly<Record<PlatformName, () => Promise<Platform>>> = {
  async telegram() {
    const fake = await startFakeTelegram();
    const people: ReturnType<typeof fake.person>[] = [];
    const platform: Platform = {
      name: 'telegram',
      yaml: `telegram: { token: "${fake.token}", api_url: "${fake.url}" }`,
      floor: { platformUrl: fake.url, token: fake.token, appToken: '' },
      say(session, text) {
        people[session] ??= fake.person(`P${session}`);
        const from = people[session];
        if (!fake.state.started.has(from.id)) fake.direct(from);
        fake.say({ chat: from.id, from, text });
      },
      onShown: () => {},
      close: () => fake.close(),
    };
    const calls = fake.state.calls as { payload: Record<string, unknown> }[];
    listen(calls, FEW, ({ payload }) => {
      if (typeof payload.text === 'string') platform.onShown(payload.text);
    });
    listen(fake.state.shown, MANY, () => {});
    return platform;
  },

  async slack() {
    const fake = await startFakeSlack();
    const members: ReturnType<typeof fake.member>[] = [];
    const platform: Platform = {
      name: 'slack',
      yaml: `slack: { bot_token: ${TOKENS.bot}, app_token: ${TOKENS.app}, api_url: "${fake.apiUrl}" }`,
      floor: { platformUrl: fake.apiUrl, token: TOKENS.bot, appToken: TOKENS.app },
      say(session, text) {
        members[session] ??= fake.member(`U1${String(session).padStart(6, '0')}`, `P${session}`);
        const from = members[session];
        fake.say({ channel: fake.direct(from), from, text }).taken.catch(() => {});
      },
      onShown: () => {},
      close: () => fake.close(),
    };
    listen(fake.state.calls, FEW, ({ args }) => platform.onShown(JSON.stringify(args)));
    listen(fake.state.messages, MANY, () => {});
    return platform;
  },

  async discord() {
    const fake = await startFakeDiscord();
    const { world } = fake;
    const places: { from: ReturnType<typeof world.addPerson>; channel: string }[] = [];
    const platform: Platform = {
      name: 'discord',
      lullMs: DISCORD_LULL_MS,
      yaml: `discord: { token: "${world.token}", api_url: "${fake.url}" }`,
      floor: { platformUrl: fake.url, token: world.token, appToken: '' },
      say(session, text) {
        if (places[session] === undefined) {
          const from = world.addPerson(`P${session}`);
          places[session] = { from, channel: fake.direct(from) };
        }
        const { from, channel } = places[session];
        fake.say(channel, from, text);
      },
      onShown: () => {},
      close: () => fake.close(),
    };
    listen(world.calls, FEW, ({ body }) => {
      for (const id of world.messages.keys()) {
        if (world.messages.size <= MANY) break;
        world.messages.delete(id);
      }
      if (body !== undefined) platform.onShown(JSON.stringify(body));
    });
    return platform;
  },
};

export const startPlatform = (name: PlatformName): Promise<Platform> => starters[name]();
