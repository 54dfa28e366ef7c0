/**
 * What kind of place a channel is, learned from events and asked for when unknown; where messages belong; and the
 * threads that are begun on questions.
 */
import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import type { ConversationRef } from '../../domain/message.ts';
import type { Logger } from '../../domain/runtime.ts';
import type { DiscordApi } from './api.ts';
import { codeOf, codes } from './errors.ts';

type ChannelInfo = {
  readonly kind: 'direct' | 'thread' | 'text' | 'other';
  /** Of a thread: the channel or forum it belongs to. */
  readonly parent: string | null;
  /** A private thread: not for all who read its channel. */
  readonly closed?: boolean;
};

export type Place = {
  readonly account: string;
  readonly conversation: string;
  readonly thread: string | null;
  readonly direct: boolean;
  readonly closed?: boolean;
};

export type Places = {
  /** Takes a channel or thread from an event; ignores what it does not know. */
  learn(raw: unknown): void;
  forget(id: string): void;
  /** Asks Discord about a channel that no event has described; false when the bot cannot see it (any more). */
  look(channel: string): Promise<boolean>;
  /**
   * Where something said in a channel belongs.
   * @param question id and text of a message that may start a thread of its own
   * @throws AppError when Discord cannot be asked now
   */
  placeOf(
    channel: string,
    guild: string | undefined,
    question?: { readonly id: string; readonly text: string },
  ): Promise<Place>;
  isDirect(to: ConversationRef): boolean;
  /** The private channel with a person. @throws AppError `channel.*` */
  openDirect(user: string): Promise<ConversationRef>;
  /** The id of the channel to post in; begins the thread if it has to. @throws AppError `channel.*` */
  target(to: ConversationRef, title?: string): Promise<string>;
};

const rawChannel = z.object({
  id: z.string(),
  type: z.int(),
  parent_id: z.string().nullish(),
});

const PRIVATE_THREAD = 12;

const kinds: Readonly<Record<number, ChannelInfo['kind']>> = {
  0: 'text',
  1: 'direct',
  3: 'direct',
  5: 'text',
  10: 'thread',
  11: 'thread',
  [PRIVATE_THREAD]: 'thread',
};

/** A few hundred bytes each; the oldest are asked for again. */
const MAX_KNOWN = 20_000;
const MAX_TITLE = 90;

export const refOf = ({ account, conversation, thread }: Place): ConversationRef => ({
  channel: 'discord',
  account,
  conversation,
  ...(thread === null ? {} : { thread }),
});

export function createPlaces(deps: {
  readonly api: DiscordApi;
  readonly account: () => string;
  readonly replyInThread: boolean;
  readonly log: Logger;
}): Places {
  const { api, log } = deps;
  const known = new Map<string, ChannelInfo>();
  /** Questions whose thread is not begun yet, with its title. */
  const titles = new Map<string, string>();
  const beginning = new Map<string, Promise<string>>();
  /** Threads that could not be begun; asking again and again would get the bot banned. */
  const refused = new Map<string, true>();

  function remember<T>(map: Map<string, T>, id: string, value: T): void {
    map.delete(id);
    map.set(id, value);
    if (map.size <= MAX_KNOWN) return;
    const [oldest] = map.keys();
    if (oldest !== undefined) map.delete(oldest);
  }

  function learn(raw: unknown): ChannelInfo | undefined {
    const parsed = rawChannel.safeParse(raw);
    if (!parsed.success) return undefined;
    const { id, type, parent_id: parent } = parsed.data;
    const kind = kinds[type] ?? 'other';
    // A partial channel (of an interaction) may lack the parent; without it a thread is of no use.
    if (kind === 'thread' && typeof parent !== 'string') return known.get(id);
    const info: ChannelInfo = {
      kind,
      parent: kind === 'thread' ? (parent ?? null) : null,
      ...(type === PRIVATE_THREAD ? { closed: true } : {}),
    };
    remember(known, id, info);
    return info;
  }

  async function infoOf(channel: string, guild: string | undefined): Promise<ChannelInfo> {
    const cached = known.get(channel);
    if (cached !== undefined) return cached;
    if (guild === undefined) {
      const direct: ChannelInfo = { kind: 'direct', parent: null };
      remember(known, channel, direct);
      return direct;
    }
    const found = learn(await api.channel(channel));
    return found ?? { kind: 'other', parent: null };
  }

  async function begin(to: ConversationRef, thread: string, title: string): Promise<string> {
    try {
      const id = await api.startThread(to.conversation, thread, title);
      remember(known, id, { kind: 'thread', parent: to.conversation });
      titles.delete(thread);
      return id;
    } catch (error) {
      if (!(error instanceof AppError) || error.retryable || error.details.token === true) throw error;
      // A forum post, or a thread begun without a message: then it is there already.
      if (learn(await api.channel(thread))?.kind === 'thread') return thread;
      if (codeOf(error) === codes.unknownMessage || codeOf(error) === codes.unknownChannel) throw error;
      remember(refused, thread, true);
      log.warn(
        { detail: error.message },
        'cannot begin a thread, answering in the channel; the bot needs Create Public Threads',
      );
      return to.conversation;
    }
  }

  return {
    learn,
    forget: (id) => void known.delete(id),
    look: async (channel) => known.has(channel) || learn(await api.channel(channel)) !== undefined,
    async placeOf(channel, guild, question) {
      const info = await infoOf(channel, guild);
      const account = deps.account();
      if (info.kind === 'direct') return { account, conversation: channel, thread: null, direct: true };
      if (info.kind === 'thread' && info.parent !== null)
        return {
          account,
          conversation: info.parent,
          thread: channel,
          direct: false,
          ...(info.closed === true ? { closed: true } : {}),
        };
      const begins = question !== undefined && deps.replyInThread && info.kind === 'text';
      if (begins && !known.has(question.id)) remember(titles, question.id, titleOf(question.text));
      return { account, conversation: channel, thread: begins ? question.id : null, direct: false };
    },
    isDirect: (to) => known.get(to.conversation)?.kind === 'direct',
    async openDirect(user) {
      const id = await api.openDirect(user);
      remember(known, id, { kind: 'direct', parent: null });
      return { channel: 'discord', account: deps.account(), conversation: id };
    },
    async target(to, title) {
      if (to.thread === undefined || refused.has(to.thread)) return to.conversation;
      if (known.get(to.thread)?.kind === 'thread') return to.thread;
      const name = titles.get(to.thread) ?? titleOf(title ?? '');
      const started = beginning.get(to.thread) ?? begin(to, to.thread, name);
      beginning.set(to.thread, started);
      try {
        return await started;
      } finally {
        beginning.delete(to.thread);
      }
    },
  };
}

function titleOf(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const cut = line.length > MAX_TITLE ? `${line.slice(0, MAX_TITLE).toWellFormed()}…` : line;
  return cut === '' ? 'Question' : cut;
}
