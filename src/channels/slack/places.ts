/** Where things are in Slack (pure): conversations, threads, and what a private answer may be delivered by. */
import type { ConversationRef, UserId } from '../../domain/message.ts';

/** The bot as Slack knows it, from `auth.test`. */
export type Bot = { readonly team: string; readonly user: string; readonly botId: string | null };

/** Two bots of one team, or one bot in two teams, never share a session. */
export const accountOf = (bot: Bot): string => `${bot.team}:${bot.user}`;

/** Slack's ids say what they are: D… is a conversation of two. */
export const isDirect = (conversation: string): boolean => conversation.startsWith('D');

export const userIdOf = (slackId: string): UserId => `slack:${slackId}`;
export const slackIdOf = (user: UserId): string => user.slice('slack:'.length);

export const placeOf = (bot: Bot, conversation: string, thread: string | undefined): ConversationRef => ({
  channel: 'slack',
  account: accountOf(bot),
  conversation,
  ...(thread === undefined ? {} : { thread }),
});

/** Unique in a workspace: timestamps are so only within their channel. */
export const messageIdOf = (conversation: string, ts: string): string => `${conversation}:${ts}`;
export const tsOf = (messageId: string): string => messageId.slice(messageId.lastIndexOf(':') + 1);

/**
 * What Slack gave with a question that lets its answer be private. `url`: a response URL; `view`: an open modal;
 * `top`: typed outside of any thread, so shown there.
 */
export type ReplyRoute =
  | { readonly by: 'url'; readonly url: string }
  | { readonly by: 'view'; readonly id: string }
  | { readonly by: 'top' };

export function encodeRoute(route: ReplyRoute): string {
  if (route.by === 'url') return `url ${route.url}`;
  return route.by === 'view' ? `view ${route.id}` : 'top';
}

export function parseRoute(token: string | undefined): ReplyRoute | undefined {
  if (token === 'top') return { by: 'top' };
  const match = /^(url|view) (\S+)$/.exec(token ?? '');
  const [, by, value] = match ?? [];
  if (by === undefined || value === undefined) return undefined;
  return by === 'url' ? { by, url: value } : { by: 'view', id: value };
}
