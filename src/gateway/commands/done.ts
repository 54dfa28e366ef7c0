/**
 * Commands that were carried out: one that a platform brings again, after a crash or at another replica, does nothing
 * more (F12, A2). A side question leaves nothing behind, not even this.
 */
import type { KeyValue } from '../../domain/feed.ts';
import type { InboundMessage } from '../../domain/message.ts';
import type { Clock } from '../../domain/runtime.ts';

export type DoneCommands = {
  /** @throws AppError `store.*` */
  has(message: InboundMessage): Promise<boolean>;
  /** @throws AppError `store.*` */
  add(message: InboundMessage): Promise<void>;
};

/** No platform brings again what is older than a day. */
const KEPT_MS = 2 * 24 * 60 * 60_000;
const SWEEP_EVERY_MS = 60 * 60_000;

/** Ordered by time. */
const timeKey = (at: number): string => String(Math.max(0, Math.floor(at))).padStart(15, '0');
const keyOf = ({ at, where, id }: InboundMessage): string =>
  `${timeKey(at)} ${where.channel} ${where.account} ${where.conversation} ${id}`;

export function createDoneCommands({ state, clock }: { state: KeyValue; clock: Clock }): DoneCommands {
  let sweptAt = Number.NEGATIVE_INFINITY;
  return {
    has: async (message) => (await state.get(keyOf(message))) !== undefined,
    async add(message) {
      await state.set(keyOf(message), '');
      if (clock.monotonic() - sweptAt < SWEEP_EVERY_MS) return;
      sweptAt = clock.monotonic();
      await state.deleteBetween('', timeKey(clock.now() - KEPT_MS));
    },
  };
}
