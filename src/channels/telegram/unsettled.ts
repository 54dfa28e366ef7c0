/**
 * What has to be known after a crash about messages on their way: Telegram offers no key that makes a second copy
 * impossible (P5). A send is marked before it begins, so that a repeat says that it may be one; the live reply of a
 * turn is remembered, so that the answer takes its place instead of standing beside it.
 */
import type { KeyValue } from '../../domain/feed.ts';
import type { DeliveryKey } from '../../domain/message.ts';
import type { Clock } from '../../domain/runtime.ts';

export type Unsettled = {
  /** Marks a send. True when an earlier try began and nobody knows how it ended. */
  begin(key: DeliveryKey, part: number): Promise<boolean>;
  /** It surely was not sent. */
  notSent(key: DeliveryKey, part: number): Promise<void>;
  /** It was sent; the mark goes once the outbox has had time to record it. */
  sent(key: DeliveryKey, part: number): void;
  draft(turnId: string): Promise<number | undefined>;
  setDraft(turnId: string, messageId: number): Promise<void>;
  /** The draft became the answer, which the outbox is yet to record. */
  draftUsed(turnId: string): void;
  forgetDraft(turnId: string): Promise<void>;
  /** Deletes what is no longer needed. */
  sweep(): Promise<void>;
};

/** Recording takes milliseconds; a database that is busy for longer is another fault. */
const GRACE_MS = 60_000;

export function createUnsettled({ state, clock }: { state: KeyValue; clock: Clock }): Unsettled {
  let done: { readonly key: string; readonly at: number }[] = [];
  const settle = (key: string): void => {
    done.push({ key, at: clock.now() });
  };

  async function sweep(): Promise<void> {
    const due = done.filter((one) => clock.now() - one.at >= GRACE_MS);
    done = done.filter((one) => !due.includes(one));
    await Promise.all(due.map((one) => state.delete(one.key)));
  }

  const sending = (key: DeliveryKey, part: number): string => `sending:${key}:${part}`;
  const drafting = (turnId: string): string => `draft:${turnId}`;

  return {
    async begin(key, part) {
      await sweep();
      if ((await state.get(sending(key, part))) !== undefined) return true;
      await state.set(sending(key, part), String(clock.now()));
      return false;
    },
    notSent: (key, part) => state.delete(sending(key, part)),
    sent: (key, part) => settle(sending(key, part)),
    async draft(turnId) {
      const stored = await state.get(drafting(turnId));
      return stored === undefined ? undefined : Number(stored);
    },
    setDraft: (turnId, messageId) => state.set(drafting(turnId), String(messageId)),
    draftUsed: (turnId) => settle(drafting(turnId)),
    forgetDraft: (turnId) => state.delete(drafting(turnId)),
    sweep,
  };
}
