/** Approvals as part of a turn's own changes: asked for, and called off when the turn ends without them. */
import { type Selectable, sql } from 'kysely';
import type { EventBody } from '../domain/event.ts';
import type { Db, Tx } from './database.ts';
import { prepared } from './prepared.ts';
import { toText } from './rows.ts';
import type { ApprovalsTable } from './schema.ts';
import type { NewApproval } from './store.ts';
import type { TurnHead } from './turn-log.ts';

export const pendingStatus = sql.lit<'pending'>('pending');

export async function insertApprovals(
  tx: Tx,
  turn: TurnHead,
  approvals: readonly NewApproval[],
  now: number,
) {
  if (approvals.length === 0) return;
  await tx.db
    .insertInto('approvals')
    .values(
      approvals.map((approval) => ({
        id: approval.id,
        turn_id: turn.id,
        session: turn.session,
        action_index: approval.index,
        action: JSON.stringify(approval.action),
        digest: approval.digest,
        risk: approval.risk,
        reasons: JSON.stringify(approval.reasons),
        always_key: toText(approval.alwaysKey),
        requested_by: turn.user_id,
        created_at: now,
        expires_at: approval.expiresAt,
        status: 'pending' as const,
        decision: null,
        decided_by: null,
        decided_by_name: null,
        decided_at: null,
        terms: JSON.stringify(approval.terms),
        votes: '[]',
        batch: approval.batch,
        remind_at: approval.remindAt,
      })),
    )
    .execute();
  const batches = [...new Set(approvals.flatMap((approval) => approval.batch ?? []))];
  if (batches.length > 0) {
    await tx.db
      .insertInto('approval_batches')
      .values(batches.map((id) => ({ id, turn_id: turn.id, open: 1 })))
      .execute();
  }
  tx.changed('approvals');
}

/** In the order of their actions. */
export async function pendingOf(db: Db, turnId: string): Promise<Selectable<ApprovalsTable>[]> {
  return (await pendingOfTurn(db, { turnId })).rows;
}

const pendingOfTurn = prepared((db, of: { turnId: string }) =>
  db
    .selectFrom('approvals')
    .selectAll()
    .where('turn_id', '=', of.turnId)
    .where('status', '=', pendingStatus)
    .orderBy('action_index'),
);

type Decided = { readonly by: string | null; readonly byName: string | null; readonly now: number };

/** A turn that ends leaves nothing to decide: the events that say so, for its log. */
export const calledOff = (
  pending: readonly Selectable<ApprovalsTable>[],
  { by, byName }: Decided,
): EventBody[] =>
  pending.map((row) => ({
    type: 'approval.resolved',
    approvalId: row.id,
    index: row.action_index,
    decision: 'cancelled',
    by,
    byName,
  }));

export async function callOff(
  tx: Tx,
  pending: readonly Selectable<ApprovalsTable>[],
  { by, byName, now }: Decided,
): Promise<void> {
  if (pending.length === 0) return;
  await tx.db
    .updateTable('approvals')
    .set({
      status: 'cancelled',
      decision: 'cancelled',
      decided_by: by,
      decided_by_name: toText(byName),
      decided_at: now,
    })
    .where(
      'id',
      'in',
      pending.map((row) => row.id),
    )
    .execute();
  tx.changed('approvals');
}
