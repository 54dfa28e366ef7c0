/** One step of a turn, written by the worker that holds it: all of it or nothing, and only by that worker. */
import { isTerminal } from '../domain/turn.ts';
import { callOffApprovals, insertApprovals, pendingOf } from './approval-rows.ts';
import type { Tx } from './database.ts';
import { enqueueJobs } from './jobs.ts';
import { enqueueDeliveries } from './outbox.ts';
import { type PackedOutput, replaceOutput } from './outputs.ts';
import { toText } from './rows.ts';
import type { TurnStore, TurnWrite } from './store.ts';
import { ended, extendTurn, lockTurn, readyNext, staleWrite } from './turn-log.ts';
import { addUsage } from './usage.ts';

/**
 * @param outputs those of the write, packed
 * @throws AppError `store.stale_write`
 */
export async function appendToTurn(
  tx: Tx,
  write: TurnWrite,
  outputs: readonly PackedOutput[],
): Promise<Awaited<ReturnType<TurnStore['append']>>> {
  const turn = await lockTurn(tx, write.turnId);
  if (turn?.status !== 'running' || turn.fence !== write.fence) throw staleWrite('fence', write, turn);
  if (turn.seq !== write.expectedSeq) throw staleWrite('sequence', write, turn);
  if (
    write.status === 'waiting' &&
    !write.approvals?.length &&
    (await pendingOf(tx.db, turn.id)).length === 0
  ) {
    throw new Error(`turn ${turn.id} would wait with nothing to be decided`);
  }

  const { now, status } = write;
  const end = status !== undefined && isTerminal(status) ? ended(status, now) : undefined;
  const calledOff = end ? await callOffApprovals(tx, turn.id, { by: null, byName: null, now }) : [];
  const head = await extendTurn(tx, turn, [...calledOff, ...write.events], now, {
    ...(status !== undefined && { status }),
    ...(status === 'waiting' && { claimable_at: null, lease_owner: null }),
    ...(end !== undefined && { ...end, error_code: write.errorCode ?? null }),
    ...(write.answer !== undefined && { answer: toText(write.answer) }),
  });
  if (end !== undefined) await readyNext(tx, turn.session);
  await insertApprovals(tx, turn, write.approvals ?? [], now);
  for (const output of outputs) await replaceOutput(tx, turn.id, output);
  if (write.compaction !== undefined) {
    const { keptFrom, ...summary } = write.compaction;
    await tx.db
      .insertInto('compactions')
      .values({
        session: turn.session,
        kept_from: keptFrom,
        summary: JSON.stringify(summary),
        turn_id: turn.id,
        created_at: now,
      })
      .execute();
  }
  const due = await enqueueDeliveries(tx, write.deliveries ?? [], now, write.taker);
  await enqueueJobs(tx, write.jobs ?? []);
  await addUsage(tx, write.usage ?? []);
  if (status === 'waiting') tx.changed('turns');
  return { ...head, due };
}
