/**
 * Discord's REST API as we call it. The client keeps to the buckets; it waits out short limits itself, longer ones go
 * back to the outbox. No retries here: the outbox has them.
 */
import { DefaultRestOptions, REST, type ResponseLike } from '@discordjs/rest';
import type {
  RawFile,
  RESTPatchAPIChannelMessageJSONBody,
  RESTPostAPIChannelMessageJSONBody,
} from 'discord.js';
import { Routes } from 'discord-api-types/v10';
import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { createPlainFetch, type PlainRequest } from '../plain-fetch.ts';
import { codeOf, codes, toAppError } from './errors.ts';

export type MessageBody = RESTPostAPIChannelMessageJSONBody;
export type EditBody = RESTPatchAPIChannelMessageJSONBody;

/** An interaction's right to answer: its application and token. */
export type InteractionHandle = { readonly application: string; readonly token: string };

export type DiscordApi = {
  readonly rest: REST;
  /** Whether calls wait for the limit of the whole bot: what can be left out should be. */
  isCrowded(): boolean;
  createMessage(channel: string, body: MessageBody, files?: readonly RawFile[]): Promise<string>;
  editMessage(channel: string, id: string, body: EditBody, files?: readonly RawFile[]): Promise<void>;
  deleteMessage(channel: string, id: string): Promise<void>;
  /** Resolves to the id of the thread, also when it was there before. */
  startThread(channel: string, message: string, name: string): Promise<string>;
  /** Undefined when there is no such channel, or none that the bot may see. */
  channel(id: string): Promise<unknown>;
  /** Up to 100 messages after the given one, oldest first. */
  messagesAfter(channel: string, after: string): Promise<unknown[]>;
  typing(channel: string): Promise<void>;
  openDirect(user: string): Promise<string>;
  respond(interaction: { readonly id: string; readonly token: string }, body: unknown): Promise<void>;
  /** `message` may be `@original`. */
  editReply(
    handle: InteractionHandle,
    message: string,
    body: EditBody,
    files?: readonly RawFile[],
  ): Promise<void>;
  followUp(handle: InteractionHandle, body: MessageBody, files?: readonly RawFile[]): Promise<string>;
  putCommands(application: string, commands: readonly unknown[]): Promise<void>;
  close(): void;
};

/** Longer waits are the outbox's: it keeps them over a restart. */
const LONGEST_WAIT_MS = 2_000;
/** Private answers have no outbox; a person waits for them. */
const LONGEST_PRIVATE_WAIT_MS = 10_000;
/** Half a second's worth of the 50 calls that a bot may make in one. */
const CROWD = 25;
/** Discord rounds its times up. Without a little more the client lets all that wait for a second go in its first moment. */
const OFFSET_MS = 5;
/** A call that takes longer has been lost on the way. */
const TIMEOUT_MS = 15_000;
/** One page, the most Discord hands out. */
const PAGE = 100;
/** Threads without a message for a day are put away; a new message brings them back. */
const ARCHIVE_AFTER_MINUTES = 1440;

const withId = z.object({ id: z.string() });

export function createDiscordApi(deps: {
  readonly token: string;
  readonly apiUrl: string;
  /** Hears of every refusal, for the state of the channel. */
  readonly onFailure: (error: AppError) => void;
}): DiscordApi {
  const ask = createPlainFetch(TIMEOUT_MS);
  const rest = new REST({
    api: deps.apiUrl.replace(/\/+$/, ''),
    version: '10',
    retries: 0,
    timeout: TIMEOUT_MS,
    offset: OFFSET_MS,
    makeRequest: async (url, init) =>
      typeof init.body === 'string'
        ? ((await ask(url, init as PlainRequest)) as unknown as ResponseLike)
        : DefaultRestOptions.makeRequest(url, init),
    rejectOnRateLimit: ({ route, retryAfter }) =>
      retryAfter > (route.startsWith('/webhooks') ? LONGEST_PRIVATE_WAIT_MS : LONGEST_WAIT_MS),
  }).setToken(deps.token);

  let underWay = 0;

  async function call(request: Promise<unknown>): Promise<unknown> {
    underWay += 1;
    try {
      return await request;
    } catch (error) {
      const known = toAppError(error);
      deps.onFailure(known);
      throw known;
    } finally {
      underWay -= 1;
    }
  }

  async function idOf(request: Promise<unknown>): Promise<string> {
    const answer = withId.safeParse(await call(request));
    if (answer.success) return answer.data.id;
    throw new AppError('channel.unavailable', 'Discord answered something that is no object with an id');
  }

  const withFiles = (body: unknown, files: readonly RawFile[] | undefined) =>
    files === undefined || files.length === 0 ? { body } : { body, files: [...files] };
  // The token in the address is the whole right; the bot's own need not travel.
  const anonymous = { auth: false };

  return {
    rest,
    isCrowded: () => underWay > CROWD,
    createMessage: (channel, body, files) =>
      idOf(rest.post(Routes.channelMessages(channel), withFiles(body, files))),
    async editMessage(channel, id, body, files) {
      await call(rest.patch(Routes.channelMessage(channel, id), withFiles(body, files)));
    },
    async deleteMessage(channel, id) {
      await call(rest.delete(Routes.channelMessage(channel, id)));
    },
    async startThread(channel, message, name) {
      const body = { name, auto_archive_duration: ARCHIVE_AFTER_MINUTES };
      try {
        return await idOf(rest.post(Routes.threads(channel, message), { body }));
      } catch (error) {
        // A thread has the id of the message it began with.
        if (codeOf(error) === codes.threadExists) return message;
        throw error;
      }
    },
    async channel(id) {
      try {
        return await call(rest.get(Routes.channel(id)));
      } catch (error) {
        const status = error instanceof AppError ? error.details.status : undefined;
        if (status === 403 || status === 404) return undefined;
        throw error;
      }
    },
    async messagesAfter(channel, after) {
      const query = new URLSearchParams({ after, limit: String(PAGE) });
      const page = await call(rest.get(Routes.channelMessages(channel), { query }));
      // Latest first, as Discord lists them.
      return Array.isArray(page) ? page.toReversed() : [];
    },
    async typing(channel) {
      await call(rest.post(Routes.channelTyping(channel)));
    },
    openDirect: (user) => idOf(rest.post(Routes.userChannels(), { body: { recipient_id: user } })),
    async respond({ id, token }, body) {
      await call(rest.post(Routes.interactionCallback(id, token), { ...anonymous, body }));
    },
    async editReply({ application, token }, message, body, files) {
      const route = Routes.webhookMessage(application, token, message);
      await call(rest.patch(route, { ...anonymous, ...withFiles(body, files) }));
    },
    followUp: ({ application, token }, body, files) =>
      idOf(rest.post(Routes.webhook(application, token), { ...anonymous, ...withFiles(body, files) })),
    async putCommands(application, commands) {
      await call(rest.put(Routes.applicationCommands(application), { body: commands }));
    },
    close() {
      rest.clearHashSweeper();
      rest.clearHandlerSweeper();
    },
  };
}
