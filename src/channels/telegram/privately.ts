/**
 * What one person alone is shown: a pop-up for a press, an ephemeral message in a group (Bot API 10.3). A bot that is
 * no admin may show one only within 15 s of the command or the press it answers, so a placeholder goes out at once
 * and is edited later.
 */
import { AppError } from '../../domain/errors.ts';
import type { ConversationRef, EphemeralRef, OutboundMessage, UserId } from '../../domain/message.ts';
import type { Logger } from '../../domain/runtime.ts';
import { isTokenRefused, says, type TelegramApi } from './api.ts';
import type { Outbound } from './outbound.ts';
import { type Keyboard, type Part, toParts } from './parts.ts';
import { isPrivate, numberOf, targetOf } from './places.ts';
import type { Queries } from './queries.ts';

export type Privately = {
  show(
    to: ConversationRef,
    user: UserId,
    message: OutboundMessage,
    replyToken: string | undefined,
  ): Promise<EphemeralRef>;
  change(to: ConversationRef, user: UserId, ref: EphemeralRef, message: OutboundMessage): Promise<void>;
};

type TextPart = Extract<Part, { kind: 'text' }>;
type Trigger = { readonly query?: string; readonly command?: number };

const quiet = { parse_mode: 'HTML', link_preview_options: { is_disabled: true } } as const;

export function createPrivately(deps: {
  api: TelegramApi;
  outbound: Outbound;
  queries: Queries;
  log: Logger;
}): Privately {
  const { api, outbound, queries, log } = deps;

  async function send(
    to: ConversationRef,
    receiver: number,
    part: TextPart,
    trigger: Trigger,
  ): Promise<string> {
    const { chat_id, ...topic } = targetOf(to);
    const sent = await api.call((by) =>
      by.sendMessage(chat_id, part.html, {
        ...topic,
        ...quiet,
        ...markup(part.keyboard),
        ...(trigger.command === undefined
          ? {}
          : { reply_parameters: { ephemeral_message_id: trigger.command } }),
        ephemeral_message_parameters: {
          receiver_user_id: receiver,
          ...(trigger.query === undefined ? {} : { callback_query_id: trigger.query }),
        },
      }),
    );
    if (sent.ephemeral_message_id === undefined)
      throw new AppError('channel.rejected', 'Telegram does not say how the ephemeral message is called');
    return String(sent.ephemeral_message_id);
  }

  /** @throws AppError `channel.rejected` when they have left: nothing of the group is for them any more (A36). */
  async function requireMember(to: ConversationRef, receiver: number): Promise<void> {
    const member = await api
      .call((by) => by.getChatMember(targetOf(to).chat_id, receiver))
      .catch(() => undefined);
    if (member?.status === 'left' || member?.status === 'kicked')
      throw new AppError('channel.rejected', 'a person who is no member of the group asked about it', {
        details: { stranger: true },
      });
  }

  return {
    async show(to, user, message, replyToken) {
      const receiver = numberOf(user);
      if (receiver === undefined) return { delivered: false };
      const trigger = triggerOf(replyToken);
      const isShort = message.kind === 'notice' || message.kind === 'error';
      if (trigger.query !== undefined && isShort && (await queries.tell(trigger.query, message.text)))
        return { delivered: true };
      if (isPrivate(to)) return { delivered: false };
      if (message.kind === 'aside') await requireMember(to, receiver);
      const [first, ...rest] = await textParts(message);
      if (first === undefined) return { delivered: false };
      try {
        const id = await send(to, receiver, first, trigger);
        for (const part of rest) await send(to, receiver, part, trigger);
        return { delivered: true, id };
      } catch (error) {
        if (!(error instanceof AppError) || isTokenRefused(error)) throw error;
        log.info({ code: error.code }, 'no ephemeral message here: the bot is no admin, or it came too late');
        return { delivered: false };
      }
    },

    async change(to, user, ref, message) {
      const receiver = numberOf(user);
      const [first, ...rest] = await textParts(message);
      if (receiver === undefined || ref.id === undefined || first === undefined) return;
      const { chat_id } = targetOf(to);
      const id = Number(ref.id);
      try {
        await api.call((by) =>
          by.raw.editEphemeralMessageText({
            chat_id,
            receiver_user_id: receiver,
            ephemeral_message_id: id,
            text: first.html,
            ...quiet,
            ...markup(first.keyboard),
          }),
        );
      } catch (error) {
        if (!says(error, 'message is not modified')) throw error;
      }
      if (message.aside?.done === false) return;
      const direct = { ...withoutThread(to), conversation: String(receiver) };
      // What does not fit comes after it; by now only an admin bot may still do that here.
      for (const part of rest)
        await send(to, receiver, part, {}).catch(() => outbound.post(direct, part.html, part.keyboard));
    },
  };
}

const withoutThread = ({ channel, account, conversation }: ConversationRef): ConversationRef => ({
  channel,
  account,
  conversation,
});

const textParts = async (message: OutboundMessage): Promise<TextPart[]> =>
  (await toParts(message, false)).filter((part) => part.kind === 'text');

const markup = (keyboard: Keyboard | undefined) => (keyboard === undefined ? {} : { reply_markup: keyboard });

/** `q:` a press, `m:` an ephemeral command; see inbound.ts. */
function triggerOf(replyToken: string | undefined): Trigger {
  const [, kind, id] = /^([qm]):(.+)$/.exec(replyToken ?? '') ?? [];
  if (id === undefined) return {};
  return kind === 'q' ? { query: id } : { command: Number(id) };
}
