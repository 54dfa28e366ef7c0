/** Sends, edits and attaches over the Web API: legal parts in order, each recognizable when it is sent again (P5). */
import type { webApi } from '@slack/bolt';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { ConversationRef, DeliveryKey, MessageRef, OutboundMessage } from '../../domain/message.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import type { SendProgress } from '../adapter.ts';
import { encodeButton } from '../button-token.ts';
import { type LongAnswerOptions, toLongAnswer, WHOLE_ANSWER } from '../long-answer.ts';
import { buttonRow, eitherWay, MAX_INLINE_ACTION, type Part, type Shown, toMessages } from './blocks.ts';
import { slackCode } from './errors.ts';
import { PART_LENGTH, splitToFit } from './format.ts';
import { isDirect, messageIdOf, tsOf } from './places.ts';

/** One Web API call with its errors as ours. @throws AppError `channel.*` */
export type Call = <T>(what: string, call: (client: webApi.WebClient) => Promise<T>) => Promise<T>;

export type Outbound = {
  send(
    to: ConversationRef,
    message: OutboundMessage,
    key: DeliveryKey,
    progress?: SendProgress,
  ): Promise<MessageRef[]>;
  /** Makes `drafts`, oldest first, into the parts of the message; posts what is missing, deletes what is left. */
  settle(
    to: ConversationRef,
    drafts: readonly string[],
    message: OutboundMessage,
    key: DeliveryKey,
  ): Promise<MessageRef[]>;
  edit(ref: MessageRef, message: OutboundMessage): Promise<void>;
  /** Never throws. */
  remove(to: ConversationRef, ts: string): Promise<void>;
};

/** Marks our messages with the delivery they are, so that a repeated one finds them. */
const EVENT_TYPE = 'parley_delivery';
/** Clocks differ. */
const SLACK_MS = 60_000;
/** For deliveries that do not say since when they exist. */
const LOOK_BACK_MS = 24 * 60 * 60_000;
/** Replies come oldest first; more of them than this since then is no conversation any more. */
const LOOK_BACK = 200;
const MAX_PAGES = 5;
/** Slack's words for an action that is too long to show. */
const tooLong = new Set(['msg_too_long', 'msg_blocks_too_long', 'invalid_blocks']);

/** More messages than these four for one answer would flood a channel; the rest is a file then. */
const longAnswer: LongAnswerOptions = {
  limit: PART_LENGTH,
  mostParts: 4,
  note: `**This is the beginning; all of it is in ${WHOLE_ANSWER}, just above.**`,
  split: splitToFit,
};

/** Of Markdown: quotes within quotes, the form that grows most, become some thirty times as long in Slack's. */
const SURELY_SHORT = PART_LENGTH / 10;

export const noUnfurls = { unfurl_links: false, unfurl_media: false } as const;

export function createOutbound({ call, clock, log }: { call: Call; clock: Clock; log: Logger }): Outbound {
  /** Deliveries whose last try may have reached Slack without our hearing of it. */
  const doubtful = new Set<DeliveryKey>();
  /** Long answers whose file is out, until their text is too. */
  const attached = new Set<DeliveryKey>();
  /** Parts posted behind a draft that is not settled yet: index → ts. */
  const unsettled = new Map<DeliveryKey, Map<number, string>>();

  async function post(to: ConversationRef, part: Part, key: DeliveryKey, index: number): Promise<string> {
    try {
      const sent = await eitherWay(part, (legal) =>
        call(`a message in ${to.conversation}`, (client) =>
          client.chat.postMessage({
            channel: to.conversation,
            ...threadOf(to),
            ...legal,
            ...noUnfurls,
            metadata: mark(key, index),
          }),
        ),
      );
      if (typeof sent.ts === 'string') return sent.ts;
      throw new AppError('channel.unavailable', 'Slack took a message without giving its timestamp.');
    } catch (error) {
      if (error instanceof AppError && error.code === 'channel.unavailable') doubtful.add(key);
      throw error;
    }
  }

  const update = (
    to: ConversationRef,
    ts: string,
    part: Part,
    key?: DeliveryKey,
    index = 0,
  ): Promise<unknown> =>
    eitherWay(part, (legal) =>
      call(`an edit in ${to.conversation}`, (client) =>
        client.chat.update({
          channel: to.conversation,
          ts,
          ...legal,
          ...(key === undefined ? {} : { metadata: mark(key, index) }),
        }),
      ),
    );

  /** Parts that an earlier try posted: index → ts. A look-up that fails finds none: better twice than never. */
  async function posted(to: ConversationRef, key: DeliveryKey, since: number): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    const range = {
      channel: to.conversation,
      oldest: String((since - SLACK_MS) / 1000),
      limit: LOOK_BACK,
      include_all_metadata: true,
    };
    try {
      let cursor: string | undefined;
      for (let pages = 0; pages < MAX_PAGES; pages++) {
        const page = cursor === undefined ? range : { ...range, cursor };
        const { messages = [], response_metadata: more } = await call(
          `the messages in ${to.conversation}`,
          (client) =>
            to.thread === undefined
              ? client.conversations.history(page)
              : client.conversations.replies({ ...page, ts: to.thread }),
        );
        for (const message of messages) {
          const part = partOf(message, key);
          if (part !== undefined && message.ts !== undefined) found.set(part, message.ts);
        }
        cursor = more?.next_cursor || undefined;
        if (cursor === undefined) break;
      }
    } catch (error) {
      log.warn(
        { key, detail: errorMessage(error) },
        'cannot look for an earlier try; the message may come twice',
      );
    }
    return found;
  }

  async function attach(to: ConversationRef, name: string, content: string): Promise<void> {
    await call(`the file ${name} in ${to.conversation}`, (client) =>
      client.filesUploadV2({ ...destinationOf(to), filename: name, content }),
    );
  }

  /** A card whose action fits goes as it is; else the action goes ahead in a file, or cannot be approved. */
  async function cardWay(to: ConversationRef, message: OutboundMessage): Promise<Shown> {
    const text = message.card?.action.text ?? '';
    if (text.length <= MAX_INLINE_ACTION || message.card?.outcome !== undefined) return 'inline';
    return attachAction(to, text);
  }

  /** Of an answer that would flood the place, its beginning; all of it goes ahead in a file, where Slack takes one. */
  async function shortened(
    to: ConversationRef,
    message: OutboundMessage,
    key: DeliveryKey,
    sent: number,
  ): Promise<OutboundMessage> {
    // An earlier try found that there is no way to attach it.
    if (message.card !== undefined || sent > 1 || message.text.length <= SURELY_SHORT) return message;
    const { texts, whole } = await toLongAnswer(message.text, longAnswer);
    const [text] = texts;
    if (whole === undefined || text === undefined) return message;
    if (attached.has(key)) return { ...message, text };
    try {
      await attach(to, whole.name, whole.text);
      attached.add(key);
      return { ...message, text };
    } catch (error) {
      if (error instanceof AppError && error.retryable) throw error;
      log.warn({ key, detail: errorMessage(error) }, 'cannot attach a long answer; sending all of it');
      return message;
    }
  }

  async function attachAction(to: ConversationRef, text: string): Promise<Shown> {
    try {
      await attach(to, 'action.txt', text);
      return 'file';
    } catch (error) {
      if (error instanceof AppError && error.retryable) throw error;
      log.warn({ detail: errorMessage(error) }, 'cannot attach an action to its card');
      return 'nowhere';
    }
  }

  async function sendParts(
    to: ConversationRef,
    parts: readonly Part[],
    key: DeliveryKey,
    progress: SendProgress | undefined,
    earlier: ReadonlyMap<number, string>,
  ): Promise<MessageRef[]> {
    const refs = [...(progress?.done ?? [])];
    for (const [index, part] of parts.entries()) {
      if (index < refs.length) continue;
      const ts = earlier.get(index) ?? (await post(to, part, key, index));
      const ref = refOf(to, ts);
      refs.push(ref);
      await progress?.onPart(ref);
    }
    doubtful.delete(key);
    return refs;
  }

  return {
    async send(to, message, key, progress) {
      // The draft was given up half way: what stood behind it comes again, in order.
      for (const ts of unsettled.get(key)?.values() ?? []) await remove(to, ts);
      unsettled.delete(key);
      const again = progress?.again === true || doubtful.has(key);
      const since = progress?.since ?? clock.now() - LOOK_BACK_MS;
      const earlier = again ? await posted(to, key, since) : new Map<number, string>();
      // A card that is there already has its file too.
      const shown = message.card === undefined || earlier.has(0) ? 'inline' : await cardWay(to, message);
      const sent = Math.max(earlier.size, progress?.done.length ?? 0);
      const short = await shortened(to, message, key, sent);
      const parts = await toMessages(short, { ...layoutOf(to, message), shown });
      try {
        const refs = await sendParts(to, parts, key, progress, earlier);
        attached.delete(key);
        for (const file of message.files ?? []) await attach(to, file.name, file.text);
        return refs;
      } catch (error) {
        const cause = error instanceof AppError ? slackCode(error.cause) : undefined;
        if (message.card === undefined || shown !== 'inline' || !tooLong.has(cause ?? '')) throw error;
        const other = await attachAction(to, message.card.action.text);
        return sendParts(to, await toMessages(message, { shown: other }), key, progress, earlier);
      }
    },
    async settle(to, drafts, message, key) {
      const short = await shortened(to, message, key, 0);
      const parts = await toMessages(short, layoutOf(to, message));
      const refs: MessageRef[] = [];
      const behind = unsettled.get(key) ?? new Map<number, string>();
      unsettled.set(key, behind);
      for (const [index, part] of parts.entries()) {
        const draft = drafts[index];
        if (draft !== undefined) await update(to, draft, part, key, index);
        const ts = draft ?? behind.get(index) ?? (await post(to, part, key, index));
        if (draft === undefined) behind.set(index, ts);
        refs.push(refOf(to, ts));
      }
      unsettled.delete(key);
      attached.delete(key);
      for (const draft of drafts.slice(parts.length)) await remove(to, draft);
      for (const file of message.files ?? []) await attach(to, file.name, file.text);
      return refs;
    },
    async edit(ref, message) {
      const { card } = message;
      const long = (card?.action.text.length ?? 0) > MAX_INLINE_ACTION;
      const renewed = card?.isRenewed === true;
      // The file with all of it would come after the card that asks to read it.
      if (renewed && long && card.outcome === undefined)
        throw new AppError('channel.rejected', 'The card has outgrown its Slack message.');
      const parts = await toMessages(message, {
        ...layoutOf(ref.where, message),
        shown: !long ? 'inline' : renewed ? 'ended' : 'file',
      });
      const [part, ...rest] = parts;
      if (part === undefined) return;
      await update(ref.where, tsOf(ref.id), part);
      // An aside in a direct conversation may have outgrown its message.
      if (message.aside?.done !== true) return;
      for (const [index, more] of rest.entries()) await post(ref.where, more, `edit ${ref.id}`, index + 1);
    },
    remove,
  };

  async function remove(to: ConversationRef, ts: string): Promise<void> {
    await call(`a deletion in ${to.conversation}`, (client) =>
      client.chat.delete({ channel: to.conversation, ts }),
    ).catch((error: unknown) => log.debug({ detail: errorMessage(error) }, 'a draft could not be deleted'));
  }
}

const layoutOf = (to: ConversationRef, message: OutboundMessage) => ({
  extra: extras(to, message),
  isPublic: !isDirect(to.conversation),
});

/** Below an answer in a channel: the way to ask aside, which Slack's own `/btw` cannot do in a thread. */
function extras(to: ConversationRef, message: OutboundMessage): Part['blocks'] {
  if (message.kind !== 'answer' || message.turnId === undefined || isDirect(to.conversation)) return [];
  return buttonRow([
    { label: 'Ask aside', token: encodeButton({ kind: 'btw', turn: message.turnId }), style: 'plain' },
  ]);
}

const refOf = (where: ConversationRef, ts: string): MessageRef => ({
  where,
  id: messageIdOf(where.conversation, ts),
});

export const threadOf = (to: ConversationRef): { thread_ts?: string } =>
  to.thread === undefined ? {} : { thread_ts: to.thread };

const destinationOf = ({ conversation, thread }: ConversationRef) =>
  thread === undefined ? { channel_id: conversation } : { channel_id: conversation, thread_ts: thread };

const mark = (key: DeliveryKey, part: number) => ({ event_type: EVENT_TYPE, event_payload: { key, part } });

function partOf(
  message: { metadata?: { event_type?: string; event_payload?: unknown } },
  key: DeliveryKey,
): number | undefined {
  const { metadata } = message;
  const payload = metadata?.event_type === EVENT_TYPE ? metadata.event_payload : undefined;
  if (typeof payload !== 'object' || payload === null) return undefined;
  const part: unknown = Reflect.get(payload, 'part');
  return Reflect.get(payload, 'key') === key && typeof part === 'number' ? part : undefined;
}
