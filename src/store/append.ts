/** One step of a turn, written by the worker that holds it: all of it or nothing, and only by that worker. */
import { isTerminal } from '../domain/turn.ts';
import { calledOff, callOff, insertApprovals, pendingOf } from './approval-rows.ts';
import type { Tx } from './database.ts';
import { enqueueJobs } from './jobs.ts';
import { enqueueDeliveries } from './outbox.ts';
import { type PackedOutput, replaceOutput } from './outputs.ts';
import { toText } from './rows.ts';
import type { TurnStore, TurnWrite } from './store.ts';
import { ended, extendIf, lockTurn, readyNext, staleWrite, type TurnHead } from './turn-log.ts';
import { addUsage } from './usage.ts';

type Appended = Awaited<ReturnType<TurnStore['append']>> & { readonly head: TurnHead };

/**
 * @param outputs those of the write, packed
 * @param known how the turn was left by the last write. Mostly it is so still, and need not be read.
 * @throws AppError `store.stale_write`
 */
export async function appendToTurn(
  tx: Tx,
  write: TurnWrite,
  outputs: readonly PackedOutput[],
  known: TurnHead | undefined,
): Promise<Appended> {
  const { now, status } = write;
  const isFitting =
    known?.status === 'running' && known.fence === write.fence && known.seq === write.expectedSeq;
  const head =
    (isFitting ? await addStep(tx, write, known) : undefined) ??
    (await addStep(tx, write, await lockOwn(tx, write)));
  if (head === undefined) throw new Error(`turn ${write.turnId} was changed while it was locked`);
  if (isTerminal(head.status)) await readyNext(tx, head.session);
  await insertApprovals(tx, head, write.approvals ?? [], now);
  if (status === 'waiting' && (await pendingOf(tx.db, head.id)).length === 0) {
    throw new Error(`turn ${head.id} would wait with nothing to be decided`);
  }
  for (const output of outputs) await replaceOutput(tx, head.id, output);
  if (write.compaction !== undefined) {
    const { keptFrom, ...summary } = write.compaction;
    await tx.db
      .insertInto('compactions')
      .values({
        session: head.session,
        kept_from: keptFrom,
        summary: JSON.stringify(summary),
        turn_id: head.id,
        created_at: now,
      })
      .execute();
  }
  const due = await enqueueDeliveries(tx, write.deliveries ?? [], now, write.taker);
  await enqueueJobs(tx, write.jobs ?? []);
  await addUsage(tx, write.usage ?? []);
  if (status === 'waiting') tx.changed('turns');
  return { seq: head.seq, due, head };
}

async function lockOwn(tx: Tx, write: TurnWrite): Promise<TurnHead> {
  const turn = await lockTurn(tx, write.turnId);
  if (turn?.status !== 'running' || turn.fence !== write.fence) throw staleWrite('fence', write, turn);
  if (turn.seq !== write.expectedSeq) throw staleWrite('sequence', write, turn);
  return turn;
}

/** The events and the turn itself. Undefined when the turn is not as `turn` says. */
async function addStep(tx: Tx, write: TurnWrite, turn: TurnHead): Promise<TurnHead | undefined> {
  const { now, status } = write;
  const end = status !== undefined && isTerminal(status) ? ended(status, now) : undefined;
  const pending = end === undefined ? [] : await pendingOf(tx.db, turn.id);
  const decided = { by: null, byName: null, now };
  const head = await extendIf(tx, turn, [...calledOff(pending, decided), ...write.events], now, {
    ...(status !== undefined && { status }),
    ...(status === 'waiting' && { claimable_at: null, lease_owner: null }),
    ...(end !== undefined && { ...end, error_code: write.errorCode ?? null }),
    ...(write.answer !== undefined && { answer: toText(write.answer) }),
  });
  if (head !== undefined) await callOff(tx, pending, decided);
  return head;
}
