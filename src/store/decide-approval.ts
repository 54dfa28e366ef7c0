/** Changes to what waits for a decision: decided, voted for, pressed in vain, reminded of. Each is one transaction. */
import { type Approval, decide, type Vote, voterNames } from '../domain/approval.ts';
import type { EventBody } from '../domain/event.ts';
import { pendingOf, pendingStatus } from './approval-rows.ts';
import type { Tx } from './database.ts';
import { grant } from './grants.ts';
import { enqueueDeliveries } from './outbox.ts';
import { toApproval, toText } from './rows.ts';
import type { ApprovalStore, DecideResult, NewDelivery } from './store.ts';
import { eventsOf, extendTurn, lockTurn, type TurnHead } from './turn-log.ts';

type DecideOptions = Parameters<ApprovalStore['decide']>[0];

/** Everyone who decides takes the turn first, so the first to have it wins and the others read who that was. */
export async function decideApproval(tx: Tx, options: DecideOptions): Promise<DecideResult> {
  const { id, decision, by, now } = options;
  const find = () => tx.db.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst();
  const asked = await find();
  if (asked === undefined) return { outcome: 'unknown' };
  const turn = await lockTurn(tx, asked.turn_id);
  const row = tx.locks ? await find() : asked;
  if (turn === undefined || row === undefined) return { outcome: 'unknown' };
  const approval = toApproval(row);
  const person = options.person ?? by;
  const verdict = decide(approval, decision, now, { person, required: options.required ?? 1 });
  if (verdict.outcome !== 'decided' && verdict.outcome !== 'voted')
    return { outcome: verdict.outcome, approval };

  const votes = withVote(approval, options);
  const after =
    verdict.outcome === 'voted'
      ? await vote(tx, turn, { ...approval, votes }, options)
      : await resolve(tx, turn, { ...approval, votes, status: verdict.status }, options);
  if (decision === 'always' && verdict.outcome === 'decided') await grant(tx, row, options);
  if (options.deliveries !== undefined) {
    // Read here: whatever else was decided until now shows on what is sent, and on what is sent after it.
    const events = await eventsOf(tx.db, turn.id, { after: 0 });
    await enqueueDeliveries(tx, options.deliveries(after, events), now);
  }
  tx.changed('approvals');
  return { outcome: verdict.outcome, approval: after };
}

/** One more when a person approves; who refuses, and time, which is nobody, add none. */
function withVote({ votes }: Approval, { decision, by, byName, person, now }: DecideOptions) {
  if (by === null || (decision !== 'once' && decision !== 'always')) return votes;
  const vote: Vote = { by, byName: byName ?? by, person: person ?? by, at: now };
  return [...votes, vote];
}

async function vote(tx: Tx, turn: TurnHead, approval: Approval, options: DecideOptions): Promise<Approval> {
  const { now, by, byName } = options;
  await tx.db
    .updateTable('approvals')
    .set({ votes: JSON.stringify(approval.votes) })
    .where('id', '=', approval.id)
    .execute();
  const voted: EventBody = {
    type: 'approval.voted',
    approvalId: approval.id,
    index: approval.index,
    by: by ?? '',
    byName: byName ?? '',
    votes: approval.votes.length,
    required: Math.max(approval.terms.required, options.required ?? 1),
  };
  await extendTurn(tx, turn, [voted], now);
  return approval;
}

async function resolve(
  tx: Tx,
  turn: TurnHead,
  approval: Approval,
  options: DecideOptions,
): Promise<Approval> {
  const { decision, by, now, reason } = options;
  const { id, index, status, votes } = approval;
  const byName = status === 'approved' ? voterNames(votes) : options.byName;
  await tx.db
    .updateTable('approvals')
    .set({
      status,
      decision,
      votes: JSON.stringify(votes),
      decided_by: by,
      decided_by_name: toText(byName),
      decided_at: now,
    })
    .where('id', '=', id)
    .execute();
  const resolved: EventBody = {
    type: 'approval.resolved',
    approvalId: id,
    index,
    decision,
    by,
    byName,
    reason,
  };
  const next = (await pendingOf(tx.db, turn.id))[0];
  const wakes = turn.status === 'waiting' && (next === undefined || next.action_index > index);
  // A new fence, so that the worker that parked it has no say any more.
  const wake = { status: 'running', claimable_at: 0, fence: turn.fence + 1 } as const;
  await extendTurn(tx, turn, [resolved], now, wakes ? wake : {});
  if (wakes) tx.changed('turns');
  return { ...approval, decision, decidedBy: by, decidedByName: byName, decidedAt: now };
}

export async function recordRefusal(
  tx: Tx,
  { id, decision, by, byName, now }: Parameters<ApprovalStore['recordRefusal']>[0],
): Promise<void> {
  await withPending(tx, id, async (turn, index) => {
    const refused = { type: 'approval.refused', approvalId: id, index, decision, by, byName } as const;
    await extendTurn(tx, turn, [refused], now);
  });
}

export async function remind(
  tx: Tx,
  id: string,
  now: number,
  tell: Parameters<ApprovalStore['remind']>[2],
): Promise<boolean> {
  let reminded = false;
  await withPending(tx, id, async (turn, index) => {
    const taken = await tx.db
      .updateTable('approvals')
      .set({ remind_at: null })
      .where('id', '=', id)
      .where('remind_at', 'is not', null)
      .executeTakeFirst();
    if (taken.numUpdatedRows === 0n) return;
    await extendTurn(tx, turn, [{ type: 'approval.reminded', approvalId: id, index }], now);
    await enqueueDeliveries(tx, tell(await eventsOf(tx.db, turn.id, { after: 0 })), now);
    reminded = true;
  });
  return reminded;
}

/** Only while it is pending, and its turn open: a log that has ended stays as it ended. */
async function withPending(
  tx: Tx,
  id: string,
  change: (turn: TurnHead, index: number) => Promise<void>,
): Promise<void> {
  const find = () =>
    tx.db
      .selectFrom('approvals')
      .select(['turn_id', 'action_index'])
      .where('id', '=', id)
      .where('status', '=', pendingStatus)
      .executeTakeFirst();
  const asked = await find();
  const turn = asked && (await lockTurn(tx, asked.turn_id));
  if (asked === undefined || turn === undefined || turn.ended_at !== null) return;
  if (tx.locks && (await find()) === undefined) return;
  await change(turn, asked.action_index);
}

export async function closeBatch(
  tx: Tx,
  batch: string,
  now: number,
  deliveries: readonly NewDelivery[],
): Promise<void> {
  await tx.db.updateTable('approval_batches').set({ open: 0 }).where('id', '=', batch).execute();
  await enqueueDeliveries(tx, deliveries, now);
}
