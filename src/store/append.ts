/** One step of a turn, written by the worker that holds it: all of it or nothing, and only by that worker. */
import { AppError } from '../domain/errors.ts';
import type { Event, EventType } from '../domain/event.ts';
import { isTerminal } from '../domain/turn.ts';
import { callOffApprovals, insertApprovals, pendingOf } from './approval-rows.ts';
import type { Tx } from './database.ts';
import { enqueueJobs } from './jobs.ts';
import { enqueueDeliveries } from './outbox.ts';
import { toText } from './rows.ts';
import type { TurnWrite } from './store.ts';
import { ended, eventsOf, extendTurn, lockTurn, readyNext, type TurnRow } from './turn-log.ts';
import { addUsage } from './usage.ts';

/** What others may add to the log of a turn while its worker works: a person decides when a person wants to. */
const byOthers: ReadonlySet<EventType> = new Set<EventType>(['approval.resolved', 'message.steered']);

export type Appended = { readonly seq: number; readonly events: Event[] } | { readonly stale: AppError };

/** A refusal is a result, not an exception, where it comes with a change that has to be kept. */
export async function appendToTurn(tx: Tx, write: TurnWrite): Promise<Appended> {
  const turn = await lockTurn(tx, write.turnId);
  if (turn?.status !== 'running' || turn.fence !== write.fence || turn.seq < write.expectedSeq) {
    return { stale: staleWrite(write, turn) };
  }
  const missed =
    turn.seq === write.expectedSeq ? [] : await eventsOf(tx.db, turn.id, { after: write.expectedSeq });
  if (missed.some((event) => !byOthers.has(event.type))) return { stale: staleWrite(write, turn) };
  if (write.status === 'waiting') {
    if (missed.length > 0) return await giveBack(tx, write, turn);
    if (write.approvals === undefined || write.approvals.length === 0) {
      const open = await pendingOf(tx.db, turn.id);
      if (open.length === 0) throw new Error(`turn ${turn.id} would wait with nothing to be decided`);
    }
  }

  const { now } = write;
  const { status } = write;
  const end = status !== undefined && isTerminal(status) ? ended(status, now) : undefined;
  const calledOff = end ? await callOffApprovals(tx, turn.id, { by: null, byName: null, now }) : [];
  const events = await extendTurn(tx, turn, [...calledOff, ...write.events], now, {
    ...(status !== undefined && { status }),
    ...(status === 'waiting' && { claimable_at: null, lease_owner: null }),
    ...(end !== undefined && { ...end, error_code: write.errorCode ?? null }),
    ...(write.answer !== undefined && { answer: toText(write.answer) }),
  });
  if (end !== undefined) await readyNext(tx, turn.session);
  await insertApprovals(tx, turn, write.approvals ?? [], now);
  if (write.outputs !== undefined && write.outputs.length > 0) {
    const rows = write.outputs.map(({ index, content }) => ({
      turn_id: turn.id,
      action_index: index,
      content: JSON.stringify(content),
    }));
    await tx.db.insertInto('outputs').values(rows).execute();
  }
  await enqueueDeliveries(tx, write.deliveries ?? [], now);
  await enqueueJobs(tx, write.jobs ?? []);
  await addUsage(tx, write.usage ?? []);
  if (status === 'waiting') tx.changed('turns');
  return { seq: events.at(-1)?.seq ?? turn.seq, events: [...missed, ...events] };
}

/**
 * It would go to sleep over a decision it has not seen. Whoever claims it next sees the whole log, at once; had it
 * been parked, nobody would wake it.
 */
async function giveBack(tx: Tx, write: TurnWrite, turn: TurnRow): Promise<Appended> {
  await extendTurn(tx, turn, [], write.now, { claimable_at: 0, lease_owner: null, fence: turn.fence + 1 });
  tx.changed('turns');
  return { stale: staleWrite(write, turn) };
}

function staleWrite(write: TurnWrite, turn: TurnRow | undefined): AppError {
  const found =
    turn === undefined ? 'it does not exist' : `it is ${turn.status} at ${turn.seq}, fence ${turn.fence}`;
  return new AppError(
    'store.stale_write',
    `Refused a write to turn ${write.turnId} at ${write.expectedSeq}, fence ${write.fence}: ${found}.`,
    { details: { turnId: write.turnId, expectedSeq: write.expectedSeq, fence: write.fence } },
  );
}
