/** Stopping a turn from outside: at once when nobody works on it, else by asking its worker. */

import { calledOff, callOff, pendingOf } from './approval-rows.ts';
import type { Tx } from './database.ts';
import { enqueueJobs } from './jobs.ts';
import { enqueueDeliveries } from './outbox.ts';
import type { TurnStore } from './store.ts';
import { ended, extendTurn, lockTurn, readyNext } from './turn-log.ts';

type CancelOptions = Parameters<TurnStore['cancel']>[0];

export async function cancelTurn(
  tx: Tx,
  options: CancelOptions,
): Promise<'cancelled' | 'requested' | 'ended'> {
  const { id, now } = options;
  const turn = await lockTurn(tx, id);
  if (turn === undefined || turn.ended_at !== null) return 'ended';
  if (turn.status === 'running') {
    await extendTurn(tx, turn, [], now, { cancel_requested: 1 });
    tx.changed('stops');
    return 'requested';
  }
  const pending = await pendingOf(tx.db, id);
  const finished = {
    type: 'turn.finished',
    reason: 'cancelled',
    answer: null,
    errorCode: null,
    detail: null,
  } as const;
  await extendTurn(tx, turn, [...calledOff(pending, options), finished], now, {
    ...ended('cancelled', now),
    cancel_requested: 1,
  });
  await callOff(tx, pending, options);
  await readyNext(tx, turn.session);
  await enqueueDeliveries(tx, options.deliveries ?? [], now);
  if (turn.status === 'waiting') await enqueueJobs(tx, options.jobs ?? []);
  return 'cancelled';
}
