/** Sends and edits: parts in order, each with a nonce that makes Discord refuse the second copy (P5). */
import { AppError } from '../../domain/errors.ts';
import type { ConversationRef, DeliveryKey, MessageRef, OutboundMessage } from '../../domain/message.ts';
import type { Logger } from '../../domain/runtime.ts';
import type { SendProgress } from '../adapter.ts';
import type { DiscordApi, EditBody } from './api.ts';
import type { Draft, Drafts, PostedDraft } from './drafts.ts';
import { codeOf, codes } from './errors.ts';
import { nonceFor, type Part, toAsideParts, toBody, toEdit, toRawFiles } from './outbound.ts';
import type { Places } from './places.ts';

export type Delivery = {
  send(
    to: ConversationRef,
    message: OutboundMessage,
    key: DeliveryKey,
    progress?: SendProgress,
  ): Promise<MessageRef[]>;
  /** The final message of a turn, in place of its draft. */
  replace(
    to: ConversationRef,
    message: OutboundMessage,
    key: DeliveryKey,
    draft: Draft | undefined,
  ): Promise<MessageRef[]>;
  edit(ref: MessageRef, message: OutboundMessage): Promise<void>;
  /** Finds out what became of a draft whose process was killed while posting it. */
  posted(draft: Draft): Promise<PostedDraft>;
};

const placeholder: Part = { content: '…', buttons: [], files: [] };

const nothingDone: SendProgress = { done: [], onPart: async () => {} };

export function createDelivery(deps: {
  readonly api: DiscordApi;
  readonly places: Places;
  readonly drafts: Drafts;
  readonly log: Logger;
}): Delivery {
  const { api, places, drafts, log } = deps;

  /** The channel travels in the ref: a thread that could not be begun leaves its message in the channel. */
  const refTo = (to: ConversationRef, channel: string, id: string): MessageRef => {
    const { thread: _thread, ...rest } = to;
    return { where: channel === to.conversation ? rest : to, id };
  };

  async function post(
    to: ConversationRef,
    channel: string,
    parts: readonly Part[],
    key: DeliveryKey,
    progress: SendProgress,
  ): Promise<MessageRef[]> {
    const refs = [...progress.done];
    for (const [index, part] of parts.entries()) {
      if (index < refs.length) continue;
      const id = await api.createMessage(channel, toBody(part, nonceFor(key, index)), toRawFiles(part.files));
      const ref = refTo(to, channel, id);
      refs.push(ref);
      await progress.onPart(ref);
    }
    return refs;
  }

  /** False when the draft is gone: somebody deleted it. */
  async function fill(
    draft: Pick<PostedDraft, 'channel' | 'message'>,
    part: Part,
    change: Pick<EditBody, 'attachments'> = {},
  ): Promise<boolean> {
    try {
      const body = { ...toEdit(part), ...change };
      await api.editMessage(draft.channel, draft.message, body, toRawFiles(part.files));
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code !== codes.unknownMessage && code !== codes.unknownChannel) throw error;
      log.info({}, 'the draft of an answer is gone, sending the answer anew');
      return false;
    }
  }

  async function posted({ channel, nonce, message }: Draft): Promise<PostedDraft> {
    const id = message ?? (await api.createMessage(channel, toBody(placeholder, nonce)));
    return { channel, nonce, message: id };
  }

  async function replace(
    to: ConversationRef,
    message: OutboundMessage,
    key: DeliveryKey,
    left: Draft | undefined,
    progress = nothingDone,
  ): Promise<MessageRef[]> {
    const parts = await toAsideParts(message, !places.isDirect(to));
    const draft = left === undefined || progress.done.length > 0 ? undefined : await posted(left);
    if (draft !== undefined && (await fill(draft, parts[0]))) {
      const ref = refTo(to, draft.channel, draft.message);
      await progress.onPart(ref);
      return post(to, draft.channel, parts, key, { ...progress, done: [ref] });
    }
    return post(to, await places.target(to), parts, key, progress);
  }

  return {
    async send(to, message, key, progress) {
      // The answer of a turn whose process was killed takes the place of the draft it left, or of itself.
      const isFinal = message.turnId !== undefined && (message.kind === 'answer' || message.kind === 'error');
      const draft = isFinal && message.turnId !== undefined ? await drafts.get(message.turnId) : undefined;
      return replace(to, message, key, draft, progress);
    },
    posted,
    replace: (to, message, key, draft) => replace(to, message, key, draft),
    async edit(ref, message) {
      const channel = ref.where.thread ?? ref.where.conversation;
      const [first, ...rest] = await toAsideParts(message, !places.isDirect(ref.where));
      // Beside the file of what it showed before, nobody could tell which of them is meant.
      if (message.card?.isRenewed === true && first.files.length > 0)
        throw new AppError('channel.rejected', 'The card has outgrown its Discord message.');
      // A file of what it showed before would be taken for this.
      const change =
        message.card?.isRenewed === true && message.card.outcome === undefined ? { attachments: [] } : {};
      if (!(await fill({ channel, message: ref.id }, first, change)))
        throw new AppError('channel.rejected', `There is no Discord message ${ref.id} any more.`);
      // An aside in a private chat may have outgrown its message.
      await post(ref.where, channel, [first, ...rest], `edit ${ref.id}`, { ...nothingDone, done: [ref] });
    },
  };
}
