/** A turn is one piece of work: a message, everything done about it, the answer. */
import type { InboundMessage, UserId } from './message.ts';
import type { SessionKey } from './session.ts';

export type TurnId = string;
export type TurnStatus = 'queued' | 'running' | 'waiting' | 'done' | 'failed' | 'cancelled';

export type Turn = {
  readonly id: TurnId;
  /** Order of acceptance in this database, gaps allowed. */
  readonly ordinal: number;
  readonly session: SessionKey;
  readonly user: UserId;
  readonly profile: string;
  readonly workspace: string;
  readonly input: InboundMessage;
  readonly status: TurnStatus;
  /** Sequence number of the last event of its log. */
  readonly seq: number;
  /** Grows with each claim; a write that carries an older fence is refused. */
  readonly fence: number;
  readonly cancelRequested: boolean;
  readonly acceptedAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly errorCode: string | null;
  readonly answer: string | null;
};

const next: Record<TurnStatus, readonly TurnStatus[]> = {
  queued: ['running', 'cancelled', 'failed'],
  running: ['running', 'waiting', 'done', 'failed', 'cancelled'],
  waiting: ['running', 'cancelled', 'failed'],
  done: [],
  failed: [],
  cancelled: [],
};

export const isTerminal = (status: TurnStatus): boolean => next[status].length === 0;

/** Whether a turn in `from` may become `to`. */
export const mayBecome = (from: TurnStatus, to: TurnStatus): boolean => next[from].includes(to);
