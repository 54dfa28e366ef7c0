/** What the store knows of a session: what was said in it, and what is going on. */
import type { Event } from './event.ts';
import type { InboundMessage } from './message.ts';
import type { Session, SessionKey } from './session.ts';
import type { Turn, TurnId, TurnStatus } from './turn.ts';

export type Compaction = {
  /** Ordinal of the first turn that is still read in full. */
  readonly keptFrom: number;
  readonly summary: string;
  /** Quotes or files were among what it summarizes. */
  readonly untrusted: boolean;
};

export type HistoryEntry = {
  readonly turnId: TurnId;
  readonly ordinal: number;
  readonly status: TurnStatus;
  readonly input: InboundMessage;
  readonly answer: string | null;
};

export type PastRange = {
  readonly turns: number;
  readonly from?: number;
  readonly upTo?: number;
  readonly keptFrom?: number | null;
};

export interface SessionStore {
  get(key: SessionKey): Promise<Session | undefined>;
  /** `/new`: what came before is no longer part of the history. */
  reset(key: SessionKey, now: number): Promise<void>;
  /**
   * What was said since the reset point: a summary of the older part (the latest, or the one with that `keptFrom`; null:
   * none), and the ended turns after it with ordinal from `from` to `upTo`, oldest first. Of those the latest `turns`;
   * twice as many where there is a summary, which what falls out must join.
   */
  past(
    key: SessionKey,
    range: PastRange,
  ): Promise<{ compaction: Compaction | undefined; entries: HistoryEntry[] }>;
  /**
   * Whether text from outside was read in an ended turn of this session before `upTo` and after its reset point: answers since
   * then may repeat it. The newest few hundred turns are looked at.
   */
  readOutside(key: SessionKey, upTo: number): Promise<boolean>;
  /** Ended turns of this session after its reset point that hold words of the text, the best first. */
  search(key: SessionKey, options: { text: string; limit: number }): Promise<HistoryEntry[]>;
  /** The running or waiting turn with its log, if any. */
  active(key: SessionKey): Promise<{ turn: Turn; events: Event[] } | undefined>;
  /** Turns not ended yet, the active one first. */
  pending(key: SessionKey): Promise<Turn[]>;
}
