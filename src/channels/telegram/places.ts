/** Telegram's numbers as our references and back (pure). */
import type { ConversationRef, UserId } from '../../domain/message.ts';

/** The bot itself, as `getMe` tells. */
export type BotIdentity = { readonly id: number; readonly username: string };

export type Target = { readonly chat_id: number; readonly message_thread_id?: number };

export const refOf = (bot: BotIdentity, chatId: number, topicId?: number): ConversationRef => ({
  channel: 'telegram',
  account: String(bot.id),
  conversation: String(chatId),
  ...(topicId === undefined ? {} : { thread: String(topicId) }),
});

export const targetOf = ({ conversation, thread }: ConversationRef): Target => ({
  chat_id: Number(conversation),
  ...(thread === undefined ? {} : { message_thread_id: Number(thread) }),
});

export const userIdOf = (id: number): UserId => `telegram:${id}`;

/** Undefined for anything but `telegram:NUMBER`. */
export function numberOf(user: UserId): number | undefined {
  const digits = /^telegram:(\d{1,16})$/.exec(user)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Groups have negative numbers; the private chat with a person has that person's number. */
export const isPrivate = (ref: ConversationRef): boolean => !ref.conversation.startsWith('-');
