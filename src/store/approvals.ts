/** Approvals: looked up, and what is due among them. */
import { sql } from 'kysely';
import { pendingStatus } from './approval-rows.ts';
import type { Database } from './database.ts';
import { closeBatch, decideApproval, recordRefusal, remind } from './decide-approval.ts';
import { createGrants } from './grants.ts';
import { toApproval } from './rows.ts';
import type { ApprovalStore } from './store.ts';

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
    recordRefusal: (refusal) => database.write((tx) => recordRefusal(tx, refusal)),
    remind: (id, now, tell) => database.write((tx) => remind(tx, id, now, tell)),
    closeBatch: (batch, now, deliveries) => database.write((tx) => closeBatch(tx, batch, now, deliveries)),
    async ofBatch(batch) {
      const rows = await database.read((db) =>
        db.selectFrom('approvals').selectAll().where('batch', '=', batch).orderBy('action_index').execute(),
      );
      return rows.map(toApproval);
    },
    async decidedBatches(limit) {
      const rows = await database.read((db) =>
        db
          .selectFrom('approval_batches')
          .select(['id', 'turn_id'])
          .where('open', '=', sql.lit(1))
          .where((of) =>
            of.not(
              of.exists(
                of
                  .selectFrom('approvals')
                  .select('approvals.id')
                  .whereRef('approvals.batch', '=', 'approval_batches.id')
                  .where('approvals.status', '=', pendingStatus),
              ),
            ),
          )
          .orderBy('id')
          .limit(limit)
          .execute(),
      );
      return rows.map((row) => ({ batch: row.id, turnId: row.turn_id }));
    },
    async askedSince(session, since) {
      const row = await database.read((db) =>
        db
          .selectFrom('approvals')
          .select((of) => of.fn.count<number>(of.fn.coalesce('batch', 'id')).distinct().as('cards'))
          .where('session', '=', session)
          .where('created_at', '>=', since)
          .executeTakeFirstOrThrow(),
      );
      return Number(row.cards);
    },
    async forgotten(now, limit) {
      const rows = await database.read((db) =>
        db
          .selectFrom('approvals')
          .selectAll()
          .where('status', '=', pendingStatus)
          .where('remind_at', '<=', now)
          .orderBy('remind_at')
          .limit(limit)
          .execute(),
      );
      return rows.map(toApproval);
    },
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
      const times = await database.read((db) =>
        Promise.all(
          (['expires_at', 'remind_at'] as const).map((column) =>
            db
              .selectFrom('approvals')
              .select(column)
              .where('status', '=', pendingStatus)
              .where(column, 'is not', null)
              .orderBy(column)
              .limit(1)
              .executeTakeFirst(),
          ),
        ),
      );
      const due = times.flatMap((row) => Object.values(row ?? {}).filter((value) => value !== null));
      return due.length === 0 ? undefined : Math.min(...due);
    },
    ...createGrants(database),
  };
}
