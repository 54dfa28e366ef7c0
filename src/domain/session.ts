/** A session is the history of one place: a conversation, or one thread in it. */
import type { ConversationRef } from './message.ts';

export type SessionKey = string;

export type Session = {
  readonly key: SessionKey;
  readonly where: ConversationRef;
  readonly direct: boolean;
  readonly profile: string;
  readonly createdAt: number;
  readonly lastTurnAt: number;
  /** Turns up to this ordinal are no longer part of the history (`/new`); 0 = all are. */
  readonly historyAfter: number;
};

/** Injective: each part is percent-encoded, so no platform id can imitate another session's key. */
export function sessionKey(where: ConversationRef): SessionKey {
  const parts = [where.channel, where.account, where.conversation];
  if (where.thread !== undefined) parts.push(where.thread);
  return parts.map(encodeURIComponent).join('/');
}
