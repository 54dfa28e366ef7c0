/** Where a live reply is shown: in a message that is edited, or in Telegram's own draft (private chats only). */
import { createHash } from 'node:crypto';
import type { ConversationRef, DeliveryKey, MessageRef, OutboundMessage } from '../../domain/message.ts';
import type { TelegramApi } from './api.ts';
import type { Drafts } from './drafts.ts';
import type { Outbound } from './outbound.ts';
import type { Keyboard } from './parts.ts';
import { targetOf } from './places.ts';
import { richMessage, thinking, toRich } from './rich.ts';

/** What is to be seen of an answer that is being written. */
export type Sketch = {
  readonly html: string;
  /** The same in its parts: the text so far, and what is being done. */
  readonly markdown: string;
  readonly doing: string | null;
};

export type Surface = {
  /** Shows this instead of what was shown. @throws AppError `channel.*` */
  put(sketch: Sketch): Promise<void>;
  isOpen(): boolean;
  /** The answer takes its place. @throws AppError `channel.*` */
  place(message: OutboundMessage, key: DeliveryKey): Promise<MessageRef[]>;
  /** Nothing was said. @throws AppError `channel.*` */
  remove(): Promise<void>;
};

export function messageSurface(deps: {
  outbound: Outbound;
  drafts: Drafts;
  to: ConversationRef;
  replyTo: number | undefined;
  turnId: string | undefined;
  stop: Keyboard | undefined;
}): Surface {
  const { outbound, drafts, to, replyTo, turnId, stop } = deps;
  let id: number | undefined;
  let answerKey: DeliveryKey | undefined;
  /** One that a killed process left is taken over. */
  const known = async (): Promise<number | undefined> => {
    id ??= turnId === undefined ? undefined : await drafts.get(turnId);
    return id;
  };

  return {
    isOpen: () => id !== undefined,
    async put({ html }) {
      const shown = await known();
      if (shown !== undefined) return outbound.change(to, shown, html, stop);
      id = await outbound.post(to, html, stop, replyTo);
      if (turnId !== undefined) await drafts.set(turnId, id);
    },
    async place(message, key) {
      answerKey = key;
      const shown = await known();
      if (shown === undefined) return outbound.send(to, message, key, undefined, replyTo);
      const refs = await outbound.replace(to, shown, message, key);
      if (turnId !== undefined) drafts.used(turnId);
      return refs;
    },
    async remove() {
      const shown = await known();
      // The answer has begun to take its place, and goes on from there.
      if (shown === undefined || (answerKey !== undefined && outbound.hasBegun(answerKey))) return;
      if (turnId !== undefined) await drafts.forget(turnId);
      await outbound.remove(to, shown);
    },
  };
}

export function draftSurface(deps: {
  api: TelegramApi;
  outbound: Outbound;
  to: ConversationRef;
  turnId: string;
  /** As a rich message, like the answer that takes its place. */
  rich: boolean;
}): Surface {
  const { api, outbound, to, turnId } = deps;
  const { chat_id, ...topic } = targetOf(to);
  // The same after a restart, so that Telegram goes on with the same draft. Zero is not allowed.
  const draftId = (createHash('sha256').update(turnId).digest().readUInt32BE(0) >>> 1) + 1;
  let isShown = false;
  return {
    isOpen: () => isShown,
    async put({ html, markdown, doing }) {
      isShown = true;
      if (deps.rich) {
        const blocks = [...toRich(markdown), ...(doing === null ? [] : [thinking(doing)])];
        await api.call((by) =>
          by.sendRichMessageDraft(chat_id, draftId, richMessage(blocks), { ...topic, can_stop: true }),
        );
        return;
      }
      await api.call((by) =>
        by.sendMessageDraft(chat_id, draftId, html, { ...topic, parse_mode: 'HTML', can_stop: true }),
      );
    },
    // Telegram takes the draft away when a message comes, and by itself after 30 s.
    place: (message, key) => outbound.send(to, message, key),
    remove: async () => undefined,
  };
}
