/** The full output of actions, which a prompt holds only in part. */
import type { TurnId } from './turn.ts';

/** Some of the output of an action. What was stored of it from `start` on is replaced. */
export type OutputPart = {
  /** Of the action in its turn. */
  readonly index: number;
  /** Characters before it, in UTF-16 units. */
  readonly start: number;
  /** Whole characters; empty where only the old is to go. */
  readonly text: string;
};

export interface OutputStore {
  /**
   * While the action runs: what comes too early for the step that reports its end.
   * @throws AppError `store.stale_write` unless the writer holds the turn
   */
  keep(part: OutputPart & { readonly turnId: TurnId; readonly fence: number }): Promise<void>;
  /**
   * The `length` UTF-16 units from `start` on, or as many as there are, and how many there are in all. Undefined when
   * nothing is stored.
   */
  read(
    turnId: TurnId,
    index: number,
    range: { readonly start: number; readonly length: number },
  ): Promise<{ readonly text: string; readonly total: number } | undefined>;
}
