/**
 * The Bot API as we call it: one request, no retries of its own (the outbox has them), every failure an AppError.
 * Addresses of Telegram hold the bot's token, so no error of the SDK gets past this file.
 */
import { Api, type ApiClientOptions, GrammyError, HttpError } from 'grammy';
import { AppError } from '../../domain/errors.ts';
import { createPlainFetch } from '../plain-fetch.ts';

export type TelegramApi = {
  /** @throws AppError `channel.*` */
  call<T>(request: (api: Api) => Promise<T>): Promise<T>;
  /** Updates from `offset` on, raw, as nothing of them is trusted. @throws AppError `channel.*` */
  updates(question: {
    readonly offset: number | undefined;
    readonly allowed: readonly UpdateKind[];
    /** Up to `POLL_SECONDS` when there is none; else it answers at once. */
    readonly wait: boolean;
    readonly stop: AbortSignal;
  }): Promise<unknown[]>;
  /** The bytes of a file, at most `maxBytes` of them. @throws Error in words for the reader. */
  download(fileId: string, maxBytes: number, stop: AbortSignal): Promise<Buffer>;
};

export type UpdateKind = 'message' | 'edited_message' | 'callback_query' | 'stopped_message_generation';

/** Long enough that an idle bot asks seldom, short enough for proxies that cut silent connections after 30 s. */
const POLL_SECONDS = 25;
/** What Telegram hands out at once. */
const POLL_LIMIT = 100;
/** A call that takes longer has been lost on the way. */
const CALL_SECONDS = 20;

type GrammySignal = Parameters<Api['getUpdates']>[1];

export function createTelegramApi(deps: { readonly token: string; readonly apiUrl: string }): TelegramApi {
  const apiRoot = deps.apiUrl.replace(/\/+$/, '');
  const api = open(CALL_SECONDS);
  const poller = open(POLL_SECONDS + CALL_SECONDS);

  function open(timeoutSeconds: number): Api {
    const ask = createPlainFetch(timeoutSeconds * 1000);
    // The SDK types it after a package of its own; what it gives and reads is what `plain-fetch.ts` takes and gives.
    const fetch = ask as unknown as NonNullable<ApiClientOptions['fetch']>;
    const opened = new Api(deps.token, { apiRoot, fetch, timeoutSeconds });
    // Around each call the SDK puts a signal of a package of its own, a timer and a race; files need its form.
    opened.config.use(async (before, method, payload, signal) => {
      if (method === 'sendDocument') return before(method, payload, signal);
      try {
        const response = await ask(`${apiRoot}/bot${deps.token}/${method}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(payload ?? {}),
          signal: signal as unknown as AbortSignal | undefined,
        });
        return JSON.parse(await response.text());
      } catch (error) {
        throw new HttpError(`${method} has no answer`, error);
      }
    });
    return opened;
  }

  async function call<T>(request: (api: Api) => Promise<T>, by = api): Promise<T> {
    try {
      return await request(by);
    } catch (error) {
      throw toAppError(error);
    }
  }

  return {
    call,
    updates: ({ offset, allowed, wait, stop }) =>
      call(
        (by) =>
          by.getUpdates(
            {
              ...(offset === undefined ? {} : { offset }),
              timeout: wait ? POLL_SECONDS : 0,
              limit: POLL_LIMIT,
              allowed_updates: allowed,
            },
            // The SDK types its signal after a package that Node's own one is compatible with.
            stop as unknown as GrammySignal,
          ),
        poller,
      ),
    async download(fileId, maxBytes, stop) {
      const { file_path: path } = await call((by) => by.getFile(fileId));
      if (path === undefined) throw new Error('Telegram has no address for it any more');
      const response = await fetchFile(`${apiRoot}/file/bot${deps.token}/${path}`, stop);
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of response) {
        size += chunk.length;
        if (size > maxBytes) throw new Error('it is larger than Telegram said');
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
  };
}

async function fetchFile(url: string, stop: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  // The error of `fetch` may name the address.
  const response = await fetch(url, { signal: stop, redirect: 'error' }).catch(() => undefined);
  if (response === undefined) throw new Error('Telegram did not send it in time');
  if (response.status === 404) throw new Error('its address has expired');
  if (!response.ok || response.body === null)
    throw new Error(`Telegram answered ${response.status} instead of it`);
  return response.body;
}

const REMEDY =
  'Get the token from @BotFather (/mybots, API Token), set channels.telegram.token and start again.';
const CONFLICT =
  'Another program receives the updates of this bot (409). Stop it, or give each program a bot of its own: @BotFather, /newbot.';

function toAppError(error: unknown): AppError {
  if (error instanceof GrammyError) return refusal(error);
  // The request may have been carried out; only its answer is missing.
  if (error instanceof HttpError)
    return new AppError('channel.unavailable', 'Telegram did not answer', { details: { ambiguous: true } });
  return new AppError('channel.unavailable', 'The answer of Telegram could not be read', {
    details: { ambiguous: true },
  });
}

function refusal({ error_code: status, description, method, parameters }: GrammyError): AppError {
  const said = `Telegram refused ${method}: ${status} ${description}`;
  const details = { status, description };
  // A text that is no token at all gives 404; from other methods that means an older server of one's own.
  if (status === 401 || (status === 404 && method === 'getMe'))
    return new AppError('channel.unauthorized', `Telegram refused the bot's token (${status}). ${REMEDY}`, {
      details: { ...details, token: true },
    });
  if (status === 403) return new AppError('channel.unauthorized', said, { details });
  if (status === 409) return new AppError('channel.unavailable', CONFLICT, { details });
  if (status === 429) {
    const retryAfterMs = (parameters.retry_after ?? 1) * 1000;
    return new AppError('channel.rate_limited', said, { details: { ...details, retryAfterMs } });
  }
  if (status >= 500)
    return new AppError('channel.unavailable', said, { details: { ...details, ambiguous: true } });
  return new AppError('channel.rejected', said, { details });
}

/** The bot's token is not (or no longer) valid: nothing will work until somebody changes it. */
export const isTokenRefused = (error: unknown): boolean =>
  error instanceof AppError && error.details.token === true;

/** The person has blocked the bot, or never started it. */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof AppError && (error.details.status === 403 || says(error, 'chat not found'));

export const statusOf = (error: unknown): unknown =>
  error instanceof AppError ? error.details.status : undefined;

/** Somebody else polls with the same token. */
export const isConflict = (error: unknown): boolean => statusOf(error) === 409;

/** The message as it is was refused: not the place, not the person, not the message to be edited. */
export const isRefusedForm = (error: unknown): boolean =>
  statusOf(error) === 404 || (statusOf(error) === 400 && !/ not found/.test(descriptionOf(error)));

/** Whether the call may have been carried out all the same. */
export const isAmbiguous = (error: unknown): boolean =>
  error instanceof AppError && error.details.ambiguous === true;

export const says = (error: unknown, text: string): boolean => descriptionOf(error).includes(text);

const descriptionOf = (error: unknown): string =>
  error instanceof AppError && typeof error.details.description === 'string' ? error.details.description : '';
