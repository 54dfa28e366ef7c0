/**
 * The live reply of a turn, remembered across a crash: the answer then takes its place instead of standing beside
 * it, and an edit, unlike a send, can be tried again without a second copy (P5).
 */
import type { KeyValue } from '../../domain/feed.ts';
import type { Clock } from '../../domain/runtime.ts';

export type Drafts = {
  get(turnId: string): Promise<number | undefined>;
  set(turnId: string, messageId: number): Promise<void>;
  /** It became the answer; forgotten once the outbox has had time to record that. */
  used(turnId: string): void;
  forget(turnId: string): Promise<void>;
  /** Deletes what is no longer needed. */
  sweep(): Promise<void>;
};

/** Recording takes milliseconds; a database that is busy for longer is another fault. */
const GRACE_MS = 60_000;

export function createDrafts({ state, clock }: { state: KeyValue; clock: Clock }): Drafts {
  let done: { readonly key: string; readonly at: number }[] = [];
  const keyOf = (turnId: string): string => `draft:${turnId}`;

  async function sweep(): Promise<void> {
    const due = done.filter((one) => clock.now() - one.at >= GRACE_MS);
    done = done.filter((one) => !due.includes(one));
    await Promise.all(due.map((one) => state.delete(one.key)));
  }

  return {
    async get(turnId) {
      const stored = await state.get(keyOf(turnId));
      return stored === undefined ? undefined : Number(stored);
    },
    async set(turnId, messageId) {
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
