/** Durable work beside turns: once by key, leased while it runs. */
import type { NewJob } from '../domain/job.ts';
import type { Database, Tx } from './database.ts';
import type { JobStore } from './store.ts';

/** How many were new. */
export async function enqueueJobs(tx: Tx, jobs: readonly NewJob[]): Promise<number> {
  if (jobs.length === 0) return 0;
  const added = await tx.db
    .insertInto('jobs')
    .values(
      jobs.map((job) => ({
        key: job.key,
        kind: job.kind,
        payload: JSON.stringify(job.payload ?? null),
        attempts: 0,
        run_at: job.runAt,
        claimable_at: job.runAt,
        lease_owner: null,
        error: null,
        ended_at: null,
      })),
    )
    .onConflict((conflict) => conflict.column('key').doNothing())
    .executeTakeFirst();
  tx.changed('jobs');
  return Number(added.numInsertedOrUpdatedRows ?? 0n);
}

export function createJobs(database: Database): JobStore {
  return {
    enqueue: (job) => database.write(async (tx) => (await enqueueJobs(tx, [job])) > 0),
    async claim({ worker, kinds, limit, leaseMs, now }) {
      if (kinds.length === 0) return [];
      const waiting = await database.read((db) =>
        db.selectFrom('jobs').select('key').where('claimable_at', '<=', now).limit(1).execute(),
      );
      if (waiting.length === 0) return [];
      return await database.write(async (tx) => {
        const due = await tx.db
          .selectFrom('jobs')
          .select('key')
          .where('claimable_at', '<=', now)
          .where('kind', 'in', kinds)
          .orderBy('claimable_at')
          .limit(limit)
          .$if(tx.locks, (query) => query.forUpdate().skipLocked())
          .execute();
        if (due.length === 0) return [];
        const rows = await tx.db
          .updateTable('jobs')
          .set((of) => ({
            claimable_at: now + leaseMs,
            lease_owner: worker,
            attempts: of('attempts', '+', 1),
          }))
          .where(
            'key',
            'in',
            due.map((row) => row.key),
          )
          .returningAll()
          .execute();
        return rows
          .sort((a, b) => a.run_at - b.run_at)
          .map((row) => ({
            id: row.key,
            kind: row.kind,
            key: row.key,
            payload: JSON.parse(row.payload),
            attempts: row.attempts - 1,
            runAt: row.run_at,
          }));
      });
    },
    complete: (id, now) =>
      database.write(async (tx) => {
        await tx.db
          .updateTable('jobs')
          .set({ claimable_at: null, lease_owner: null, error: null, ended_at: now })
          .where('key', '=', id)
          .where('ended_at', 'is', null)
          .execute();
      }),
    fail: (id, error, retryAt, now) =>
      database.write(async (tx) => {
        await tx.db
          .updateTable('jobs')
          .set({
            claimable_at: retryAt,
            lease_owner: null,
            error: JSON.stringify(error),
            ended_at: retryAt === null ? now : null,
          })
          .where('key', '=', id)
          .where('ended_at', 'is', null)
          .execute();
        if (retryAt !== null) tx.changed('jobs');
      }),
  };
}
