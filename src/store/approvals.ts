/** Approvals: looked up, decided once, and what "always" granted. */
import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import { decide, type Grant } from '../domain/approval.ts';
import { newId } from '../domain/runtime.ts';
import { pendingOf, pendingStatus } from './approval-rows.ts';
import type { Database, Tx } from './database.ts';
import { enqueueDeliveries } from './outbox.ts';
import { fromText, toApproval, toText } from './rows.ts';
import type { ApprovalsTable, GrantsTable } from './schema.ts';
import type { ApprovalStore, DecideResult } from './store.ts';
import { extendTurn, lockTurn } from './turn-log.ts';

type DecideOptions = Parameters<ApprovalStore['decide']>[0];

export function createApprovals(database: Database): ApprovalStore {
  return {
    async get(id) {
      const row = await database.read((db) =>
        db.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst(),
      );
      return row && toApproval(row);
    },
    async pending({ session, turnId } = {}) {
      const rows = await database.read((db) =>
        db
          .selectFrom('approvals')
          .selectAll()
          .where('status', '=', pendingStatus)
          .$if(session !== undefined, (query) => query.where('session', '=', session ?? ''))
          .$if(turnId !== undefined, (query) => query.where('turn_id', '=', turnId ?? ''))
          .orderBy('created_at')
          .orderBy('turn_id')
          .orderBy('action_index')
          .execute(),
      );
      return rows.map(toApproval);
    },
    async ofTurn(turnId) {
      const rows = await database.read((db) =>
        db
          .selectFrom('approvals')
          .selectAll()
          .where('turn_id', '=', turnId)
          .orderBy('action_index')
          .execute(),
      );
      return rows.map(toApproval);
    },
    decide: (options) => database.write((tx) => decideApproval(tx, options)),
    recordRefusal: ({ id, decision, by, byName, now }) =>
      database.write(async (tx) => {
        const asked = await tx.db
          .selectFrom('approvals')
          .select(['turn_id', 'action_index'])
          .where('id', '=', id)
          .where('status', '=', pendingStatus)
          .executeTakeFirst();
        const turn = asked && (await lockTurn(tx, asked.turn_id));
        // A log that has ended stays as it ended.
        if (asked === undefined || turn === undefined || turn.ended_at !== null) return;
        const index = asked.action_index;
        const refused = { type: 'approval.refused', approvalId: id, index, decision, by, byName } as const;
        await extendTurn(tx, turn, [refused], now);
      }),
    async overdue(now, limit) {
      const rows = await database.read((db) =>
        db
          .selectFrom('approvals')
          .selectAll()
          .where('status', '=', pendingStatus)
          .where('expires_at', '<=', now)
          .orderBy('expires_at')
          .orderBy('action_index')
          .limit(limit)
          .execute(),
      );
      return rows.map(toApproval);
    },
    async nextDeadline() {
      const row = await database.read((db) =>
        db
          .selectFrom('approvals')
          .select('expires_at')
          .where('status', '=', pendingStatus)
          .orderBy('expires_at')
          .limit(1)
          .executeTakeFirst(),
      );
      return row?.expires_at;
    },
    async grants() {
      const rows = await database.read((db) =>
        db
          .selectFrom('grants')
          .selectAll()
          .where('revoked_at', 'is', null)
          .orderBy('created_at')
          .orderBy('id')
          .execute(),
      );
      return rows.map(toGrant);
    },
    async findGrant(key, profile, workspace, now) {
      const row = await database.read((db) =>
        db
          .selectFrom('grants')
          .selectAll()
          .where('fingerprint', '=', fingerprint(key, profile, workspace))
          .where('revoked_at', 'is', null)
          .where((of) => of.or([of('expires_at', 'is', null), of('expires_at', '>', now)]))
          .executeTakeFirst(),
      );
      return row && toGrant(row);
    },
    revoke: (grantId, now) =>
      database.write(async (tx) => {
        const revoked = await tx.db
          .updateTable('grants')
          .set({ revoked_at: now })
          .where('id', '=', grantId)
          .where('revoked_at', 'is', null)
          .executeTakeFirst();
        if (revoked.numUpdatedRows > 0n) tx.changed('approvals');
        return revoked.numUpdatedRows > 0n;
      }),
  };
}

/** Everyone who decides takes the turn first, so the first to have it wins and the others read who that was. */
async function decideApproval(tx: Tx, options: DecideOptions): Promise<DecideResult> {
  const { id, decision, by, byName, now } = options;
  const find = () => tx.db.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst();
  const asked = await find();
  if (asked === undefined) return { outcome: 'unknown' };
  const turn = await lockTurn(tx, asked.turn_id);
  const row = tx.locks ? await find() : asked;
  if (turn === undefined || row === undefined) return { outcome: 'unknown' };
  const approval = toApproval(row);
  const verdict = decide(approval, decision, now);
  if (verdict.outcome !== 'decided') return { outcome: verdict.outcome, approval };

  await tx.db
    .updateTable('approvals')
    .set({
      status: verdict.status,
      decision,
      decided_by: by,
      decided_by_name: toText(byName),
      decided_at: now,
    })
    .where('id', '=', id)
    .execute();
  const resolved = {
    type: 'approval.resolved',
    approvalId: id,
    index: approval.index,
    decision,
    by,
    byName,
  } as const;
  const next = (await pendingOf(tx.db, turn.id))[0];
  const wakes = turn.status === 'waiting' && (next === undefined || next.action_index > approval.index);
  // A new fence, so that the worker that parked it has no say any more.
  const wake = { status: 'running', claimable_at: 0, fence: turn.fence + 1 } as const;
  await extendTurn(tx, turn, [resolved], now, wakes ? wake : {});
  if (wakes) tx.changed('turns');
  if (decision === 'always') await grant(tx, row, options);
  await enqueueDeliveries(tx, options.deliveries ?? [], now);
  tx.changed('approvals');
  return {
    outcome: 'decided',
    approval: {
      ...approval,
      status: verdict.status,
      decision,
      decidedBy: by,
      decidedByName: byName,
      decidedAt: now,
    },
  };
}

/** Granting the same action twice is one grant, which lasts as the latest one says. */
async function grant(tx: Tx, row: Selectable<ApprovalsTable>, options: DecideOptions): Promise<void> {
  const { action, alwaysKey } = toApproval(row);
  if (alwaysKey === null || options.by === null) return;
  await tx.db
    .insertInto('grants')
    .values({
      id: newId(options.now),
      fingerprint: fingerprint(alwaysKey, action.profile, action.workspace),
      always_key: JSON.stringify(alwaysKey),
      tool: action.tool,
      args: JSON.stringify(action.args ?? null),
      profile: action.profile,
      workspace: action.workspace,
      granted_by: options.by,
      created_at: options.now,
      expires_at: options.grantExpiresAt ?? null,
      revoked_at: null,
    })
    .onConflict((conflict) =>
      conflict
        .column('fingerprint')
        .where('revoked_at', 'is', null)
        .doUpdateSet((of) => ({
          granted_by: of.ref('excluded.granted_by'),
          created_at: of.ref('excluded.created_at'),
          expires_at: of.ref('excluded.expires_at'),
        })),
    )
    .execute();
}

const fingerprint = (key: string, profile: string, workspace: string): string =>
  createHash('sha256')
    .update(JSON.stringify([key, profile, workspace]))
    .digest('hex');

const toGrant = (row: Selectable<GrantsTable>): Grant => ({
  id: row.id,
  key: fromText(row.always_key) ?? '',
  tool: row.tool,
  args: JSON.parse(row.args),
  profile: row.profile,
  workspace: row.workspace,
  grantedBy: row.granted_by,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});
