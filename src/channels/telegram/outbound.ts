/** Sends, edits and removes messages, and shows some to one person only. */
import { type Api, InputFile } from 'grammy';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { ConversationRef, DeliveryKey, MessageRef, OutboundMessage } from '../../domain/message.ts';
import type { Logger } from '../../domain/runtime.ts';
import type { SendProgress } from '../adapter.ts';
import { isAmbiguous, isRefusedForm, says, statusOf, type TelegramApi } from './api.ts';
import type { Drafts } from './drafts.ts';
import { type Keyboard, type Part, toParts, toRichParts } from './parts.ts';
import { isPrivate, targetOf } from './places.ts';
import { paragraph, richMessage } from './rich.ts';

export type Outbound = {
  /** @param replyTo the message it answers, where the place has no topics. @throws AppError `channel.*` */
  send(
    to: ConversationRef,
    message: OutboundMessage,
    key: DeliveryKey,
    progress?: SendProgress,
    replyTo?: number,
  ): Promise<MessageRef[]>;
  /** Replaces a message; what does not fit into it any more follows it. @throws AppError `channel.*` */
  edit(ref: MessageRef, message: OutboundMessage): Promise<void>;
  /** Puts the answer in the place of a live reply. @throws AppError `channel.*` */
  replace(
    to: ConversationRef,
    draft: number,
    message: OutboundMessage,
    key: DeliveryKey,
  ): Promise<MessageRef[]>;
  /** One text, as it is. @throws AppError `channel.*` */
  post(to: ConversationRef, html: string, keyboard?: Keyboard, replyTo?: number): Promise<number>;
  /** @throws AppError `channel.*`; that nothing changed is no error. */
  change(to: ConversationRef, id: number, html: string, keyboard?: Keyboard): Promise<void>;
  remove(to: ConversationRef, id: number): Promise<void>;
  /** Some parts of it are out, and the others are still to come. */
  hasBegun(key: DeliveryKey): boolean;
};

/** A message that only carries a file. Its text cannot be edited, so edits pass it by. */
const FILE = 'file:';
/** A rich message: a delivery that began with one goes on with them. */
const RICH = 'rich:';
const REPEAT = 'This may be a repeat: Telegram did not confirm the first copy.';
const REPEAT_HTML = `<i>${REPEAT}</i>\n`;

/** Never a preview: fetching it would tell a stranger's server who reads (A28). */
const quiet = { parse_mode: 'HTML', link_preview_options: { is_disabled: true } } as const;
const noButtons: Keyboard = { inline_keyboard: [] };
/** Deliveries that stopped half way and were never taken up again; far more than can be under way at once. */
const MAX_NOTED = 1_000;

export function createOutbound(deps: {
  api: TelegramApi;
  drafts: Drafts;
  /** Answers as rich messages, where Telegram takes them. */
  rich: boolean;
  log: Logger;
}): Outbound {
  const { api, drafts, log } = deps;
  let takesRich = deps.rich;
  /** How far a delivery came before it failed. */
  const begun = new Map<DeliveryKey, readonly MessageRef[]>();
  /** Whether the part at which it failed may be out all the same. */
  const failed = new Map<DeliveryKey, 'refused' | 'unknown'>();

  const sendText = (to: ConversationRef, html: string, keyboard?: Keyboard, replyTo?: number) =>
    api.call((by) =>
      by.sendMessage(targetOf(to).chat_id, html, {
        ...topicOf(to),
        ...quiet,
        ...replyParameters(replyTo),
        ...(keyboard === undefined ? {} : { reply_markup: keyboard }),
      }),
    );

  async function sendPart(
    to: ConversationRef,
    part: Part,
    isRepeat: boolean,
    replyTo?: number,
  ): Promise<MessageRef> {
    const mark = isRepeat ? REPEAT_HTML : '';
    if (part.kind === 'text') {
      const sent = await sendText(to, mark + part.html, part.keyboard, replyTo);
      return { where: to, id: String(sent.message_id) };
    }
    if (part.kind === 'rich') {
      const blocks = isRepeat ? [paragraph({ type: 'italic', text: REPEAT }), ...part.blocks] : part.blocks;
      const sent = await api.call((by) =>
        by.sendRichMessage(targetOf(to).chat_id, richMessage(blocks), {
          ...topicOf(to),
          ...replyParameters(replyTo),
          ...(part.keyboard === undefined ? {} : { reply_markup: part.keyboard }),
        }),
      );
      return { where: to, id: `${RICH}${sent.message_id}` };
    }
    const content = new InputFile(Buffer.from(part.file.text), part.file.name);
    const caption = mark === '' ? {} : { caption: mark.trim(), parse_mode: 'HTML' as const };
    const sent = await api.call((by: Api) =>
      by.sendDocument(targetOf(to).chat_id, content, { ...topicOf(to), ...caption }),
    );
    return { where: to, id: `${FILE}${sent.message_id}` };
  }

  /** Sends what `done` leaves; how far it came is kept for another try, whoever makes it. */
  async function sendParts(
    to: ConversationRef,
    parts: readonly Part[],
    done: readonly MessageRef[],
    options: {
      readonly key: DeliveryKey;
      readonly progress?: SendProgress | undefined;
      readonly replyTo?: number | undefined;
    },
  ): Promise<MessageRef[]> {
    const { key, progress, replyTo } = options;
    const refs = [...done];
    // Only of a try of this process it can be known that Telegram refused it.
    const before = failed.get(key);
    let isRepeat = before === 'unknown' || (before === undefined && progress?.again === true);
    for (const [index, part] of parts.entries()) {
      if (index < done.length) continue;
      try {
        const ref = await sendPart(to, part, isRepeat, index === 0 ? replyTo : undefined);
        refs.push(ref);
        isRepeat = false;
        await progress?.onPart(ref);
      } catch (error) {
        note(begun, key, refs.length > 0 ? refs : undefined);
        note(failed, key, isRepeat || isAmbiguous(error) ? 'unknown' : 'refused');
        throw error;
      }
    }
    begun.delete(key);
    failed.delete(key);
    return refs;
  }

  const change = (to: ConversationRef, id: number, html: string, keyboard?: Keyboard): Promise<void> =>
    editing((by) =>
      by.editMessageText(targetOf(to).chat_id, id, html, { ...quiet, reply_markup: keyboard ?? noButtons }),
    );

  const changeToRich = (to: ConversationRef, id: number, part: Extract<Part, { kind: 'rich' }>) =>
    editing((by) =>
      by.raw.editMessageText({
        chat_id: targetOf(to).chat_id,
        message_id: id,
        rich_message: richMessage(part.blocks),
        reply_markup: part.keyboard ?? noButtons,
      }),
    );

  async function editing(work: (by: Api) => Promise<unknown>): Promise<void> {
    try {
      await api.call(work);
    } catch (error) {
      if (!says(error, 'message is not modified')) throw error;
    }
  }

  /** In the richest form that Telegram takes; what has begun in one form goes on in it, so that nothing is lost. */
  async function inParts(
    message: OutboundMessage,
    to: ConversationRef,
    done: readonly MessageRef[],
    work: (parts: readonly Part[]) => Promise<MessageRef[]>,
  ): Promise<MessageRef[]> {
    const [first] = done;
    const isRich = first === undefined ? takesRich : first.id.startsWith(RICH);
    if (isRich && message.kind === 'answer') {
      try {
        return await work(await toRichParts(message));
      } catch (error) {
        if (first !== undefined || !isRefusedForm(error)) throw error;
        log.warn({ detail: errorMessage(error) }, 'Telegram takes no rich message here; sending plain ones');
        // A server of one's own that does not know the method will not learn it while we run.
        if (statusOf(error) === 404) takesRich = false;
      }
    }
    return work(await toParts(message, !isPrivate(to)));
  }

  async function replace(
    to: ConversationRef,
    id: number,
    message: OutboundMessage,
    key: DeliveryKey,
  ): Promise<MessageRef[]> {
    const before = begun.get(key) ?? [];
    return inParts(message, to, before, async (parts) => {
      const [first] = parts;
      if (first === undefined || first.kind === 'file')
        throw new AppError('channel.rejected', 'A file cannot replace a text');
      if (before.length > 0) return sendParts(to, parts, before, { key });
      if (first.kind === 'rich') await changeToRich(to, id, first);
      else await change(to, id, first.html, first.keyboard);
      const ref = { where: to, id: first.kind === 'rich' ? `${RICH}${id}` : String(id) };
      return sendParts(to, parts, [ref], { key });
    });
  }

  return {
    async send(to, message, key, progress, replyTo) {
      const recorded = progress?.done ?? [];
      const known = begun.get(key) ?? [];
      const done = known.length > recorded.length ? known : recorded;
      const draft = done.length > 0 ? undefined : await draftOf(drafts, message);
      if (draft !== undefined) {
        try {
          return await replace(to, draft, message, key);
        } catch (error) {
          // Somebody deleted it.
          if (!(error instanceof AppError) || error.code !== 'channel.rejected') throw error;
        }
      }
      return inParts(message, to, done, (parts) => sendParts(to, parts, done, { key, progress, replyTo }));
    },

    async edit(ref, message) {
      if (ref.id.startsWith(FILE)) return;
      const parts = await toParts(message, !isPrivate(ref.where));
      // The file with all of it would come after the card that asks to read it.
      if (message.card?.isRenewed === true && parts.some((part) => part.kind === 'file'))
        throw new AppError('channel.rejected', 'The card has outgrown its Telegram message.');
      const [first, ...rest] = parts.filter((part) => part.kind === 'text');
      if (first === undefined) return;
      await change(ref.where, Number(ref.id.replace(RICH, '')), first.html, first.keyboard);
      if (message.aside?.done !== true) return;
      for (const part of rest) await sendText(ref.where, part.html);
    },

    replace,
    async post(to, html, keyboard, replyTo) {
      return (await sendText(to, html, keyboard, replyTo)).message_id;
    },
    change,
    hasBegun: (key) => begun.has(key),
    async remove(to, id) {
      await api.call((by) => by.deleteMessage(targetOf(to).chat_id, id));
    },
  };
}

const topicOf = (to: ConversationRef) => {
  const { message_thread_id } = targetOf(to);
  return message_thread_id === undefined ? {} : { message_thread_id };
};

const replyParameters = (replyTo: number | undefined) =>
  replyTo === undefined
    ? {}
    : { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } };

/** The live reply that a killed process left behind for this answer. */
async function draftOf(drafts: Drafts, message: OutboundMessage): Promise<number | undefined> {
  const isAnswer = message.kind === 'answer' || message.kind === 'error';
  return isAnswer && message.turnId !== undefined ? drafts.get(message.turnId) : undefined;
}

function note<T>(notes: Map<DeliveryKey, T>, key: DeliveryKey, value: T | undefined): void {
  if (notes.size >= MAX_NOTED) notes.clear();
  if (value === undefined) notes.delete(key);
  else notes.set(key, value);
}
