/**
 * The live reply of a turn, remembered across a crash: the answer then takes its place instead of standing beside
 * it, and an edit, unlike a send, can be tried again without a second copy (P5).
 */
import type { KeyValue } from '../../domain/feed.ts';
import type { Clock } from '../../domain/runtime.ts';

export type Drafts = {
  /** The turn is taken in hand. @param isFirst no process had it before, so there is nothing to look for. */
  begin(turnId: string, isFirst: boolean): void;
  get(turnId: string): Promise<number | undefined>;
  set(turnId: string, messageId: number): Promise<void>;
  /** It became the answer; forgotten once the outbox has had time to record that. */
  used(turnId: string): void;
  forget(turnId: string): Promise<void>;
  /** Deletes what is no longer needed. */
  sweep(): Promise<void>;
};

/** Turns that are known to have none, remembered while they are answered: far more than can be at once. */
const MAX_NONE = 1_000;
/** Recording takes milliseconds; a database that is busy for longer is another fault. */
const GRACE_MS = 60_000;

export function createDrafts({ state, clock }: { state: KeyValue; clock: Clock }): Drafts {
  /** Whoever has a turn in hand is the only one who makes a draft for it. */
  const none = new Set<string>();
  let done: { readonly key: string; readonly at: number }[] = [];
  const keyOf = (turnId: string): string => `draft:${turnId}`;

  function noteNone(turnId: string): void {
    const [oldest] = none;
    if (none.size >= MAX_NONE && oldest !== undefined) none.delete(oldest);
    none.add(turnId);
  }

  async function sweep(): Promise<void> {
    const due = done.filter((one) => clock.now() - one.at >= GRACE_MS);
    done = done.filter((one) => !due.includes(one));
    await Promise.all(due.map((one) => state.delete(one.key)));
  }

  return {
    begin(turnId, isFirst) {
      none.delete(turnId);
      if (isFirst) noteNone(turnId);
    },
    async get(turnId) {
      if (none.has(turnId)) return undefined;
      const stored = await state.get(keyOf(turnId));
      if (stored !== undefined) return Number(stored);
      noteNone(turnId);
      return undefined;
    },
    async set(turnId, messageId) {
      none.delete(turnId);
      await sweep();
      await state.set(keyOf(turnId), String(messageId));
    },
    used(turnId) {
      done.push({ key: keyOf(turnId), at: clock.now() });
    },
    forget: (turnId) => state.delete(keyOf(turnId)),
    sweep,
  };
}
