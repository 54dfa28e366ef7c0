/** Durable work beside turns: once by key, one at a time in a lane, leased while it runs, done in one go. */
import { sql } from 'kysely';
import { errorMessage } from '../domain/errors.ts';
import type { Job, JobStore, JobWrite, NewJob } from '../domain/job.ts';
import type { Logger } from '../domain/runtime.ts';
import { isTerminal } from '../domain/turn.ts';
import type { Database, Tx } from './database.ts';
import { changeMemories } from './memory-changes.ts';
import { prepared } from './prepared.ts';
import { type SnapshotFailure, writeReflection } from './reflections.ts';
import { extendTurn, lockTurn } from './turn-log.ts';

/** How long a job waits for the deliveries of its turn: a platform that is down for hours must not hold it for ever. */
const DELIVERY_WAIT_MS = 60_000;
/** Looked at for each one wanted, as some wait for their lane. */
const CANDIDATES_PER_JOB = 8;

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
        lane: job.lane ?? null,
        after_turn: job.afterTurn ?? null,
      })),
    )
    .onConflict((conflict) => conflict.column('key').doNothing())
    .executeTakeFirst();
  tx.changed('jobs');
  return Number(added.numInsertedOrUpdatedRows ?? 0n);
}

type ClaimOptions = Parameters<JobStore['claim']>[0];

async function claimJobs(tx: Tx, { worker, kinds, limit, leaseMs, now }: ClaimOptions): Promise<Job[]> {
  // Lanes are looked at before they are taken: two processes must not do so at once.
  if (tx.locks) await sql`select pg_advisory_xact_lock(hashtextextended('parley jobs', 0))`.execute(tx.db);
  const due = await tx.db
    .selectFrom('jobs')
    .select(['key', 'lane'])
    .where('claimable_at', '<=', now)
    .where('kind', 'in', kinds)
    .where((of) =>
      of.or([
        of('after_turn', 'is', null),
        of('run_at', '<=', now - DELIVERY_WAIT_MS),
        of.not(
          of.exists(
            of
              .selectFrom('outbox')
              .select('outbox.ordinal')
              .whereRef('outbox.turn_id', '=', 'jobs.after_turn')
              .where('outbox.status', '=', sql.lit('pending')),
          ),
        ),
      ]),
    )
    .orderBy('claimable_at')
    .orderBy('run_at')
    .orderBy('key')
    .limit(limit * CANDIDATES_PER_JOB)
    .execute();
  if (due.length === 0) return [];
  const busy = await tx.db
    .selectFrom('jobs')
    .select('lane')
    .where('claimable_at', '>', now)
    .where('lease_owner', 'is not', null)
    .where('lane', 'is not', null)
    .execute();
  const lanes = new Set(busy.map((row) => row.lane));
  const taken = due.filter(({ lane }) => {
    if (lane === null) return true;
    if (lanes.has(lane)) return false;
    lanes.add(lane);
    return true;
  });
  if (taken.length === 0) return [];
  const rows = await tx.db
    .updateTable('jobs')
    .set((of) => ({ claimable_at: now + leaseMs, lease_owner: worker, attempts: of('attempts', '+', 1) }))
    .where(
      'key',
      'in',
      taken.slice(0, limit).map((row) => row.key),
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
}

type Held = { readonly job: Pick<Job, 'id' | 'attempts'>; readonly worker: string };

/** Changes the job if the worker still has it. `attempts` counts claims, so it tells one lease from the next. */
async function release(
  tx: Tx,
  { job, worker }: Held,
  change: { claimable_at: number | null; error: string | null; ended_at: number | null },
): Promise<boolean> {
  const { numUpdatedRows } = await tx.db
    .updateTable('jobs')
    .set({ ...change, lease_owner: null })
    .where('key', '=', job.id)
    .where('lease_owner', '=', worker)
    .where('attempts', '=', job.attempts + 1)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  // Its lane is free now, or its time will come.
  tx.changed('jobs');
  return numUpdatedRows > 0n;
}

async function appendNote(tx: Tx, note: NonNullable<Parameters<JobStore['settle']>[0]['note']>, now: number) {
  const turn = await lockTurn(tx, note.turnId);
  if (turn === undefined)
    throw new Error(`a job has something to note about turn ${note.turnId}, which is not there`);
  if (!isTerminal(turn.status))
    throw new Error(`turn ${turn.id} is ${turn.status}: its worker writes its log`);
  await extendTurn(tx, turn, note.events, now);
}

type Settled = { readonly isOurs: boolean; readonly failed: SnapshotFailure | null };

async function settleJob(tx: Tx, write: JobWrite): Promise<Settled> {
  const { error, now, reflection } = write;
  const ended = {
    claimable_at: null,
    error: error === undefined ? null : JSON.stringify(error),
    ended_at: now,
  };
  if (!(await release(tx, write, ended))) return { isOurs: false, failed: null };
  await changeMemories(tx, write.memories ?? []);
  const failed =
    reflection === undefined ? null : await writeReflection(tx, reflection.row, reflection.marks);
  if (write.note !== undefined) await appendNote(tx, write.note, now);
  await enqueueJobs(tx, write.jobs ?? []);
  return { isOurs: true, failed };
}

export function createJobs(database: Database, log: Logger): JobStore {
  return {
    enqueue: (job) => database.write(async (tx) => (await enqueueJobs(tx, [job])) > 0),
    async claim(options) {
      if (options.kinds.length === 0) return [];
      const { rows: waiting } = await database.read((db) => someDue(db, { now: options.now }));
      if (waiting.length === 0) return [];
      return await database.write((tx) => claimJobs(tx, options));
    },
    async renew({ worker, jobs, leaseMs, now }) {
      if (jobs.length === 0) return [];
      return await database.write(async (tx) => {
        const lost: string[] = [];
        for (const { id, attempts } of jobs) {
          const { numUpdatedRows } = await tx.db
            .updateTable('jobs')
            .set({ claimable_at: now + leaseMs })
            .where('key', '=', id)
            .where('lease_owner', '=', worker)
            .where('attempts', '=', attempts + 1)
            .where('ended_at', 'is', null)
            .executeTakeFirst();
          if (numUpdatedRows === 0n) lost.push(id);
        }
        return lost;
      });
    },
    async settle(write) {
      const { isOurs, failed } = await database.write((tx) => settleJob(tx, write));
      // After the commit, as a transaction may run more than once.
      if (failed !== null)
        log.error(
          { job: write.job.id, detail: errorMessage(failed.error) },
          'the snapshot of a reflection could not be written: what it changed stays, and cannot be undone',
        );
      return isOurs;
    },
    retry: (job, { worker, error, retryAt }) =>
      database.write(async (tx) => {
        const change = { claimable_at: retryAt, error: JSON.stringify(error), ended_at: null };
        await release(tx, { job, worker }, change);
      }),
  };
}

const someDue = prepared((db, of: { now: number }) =>
  db.selectFrom('jobs').select('key').where('claimable_at', '<=', of.now).limit(1),
);
