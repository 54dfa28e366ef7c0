/** How long is kept what no log needs. Turns, their events, approvals and usage stay. */
import { sql } from 'kysely';
import { firstIdOf } from '../domain/runtime.ts';
import type { Database, Tx } from './database.ts';
import { mergeIndex } from './memory-grams.ts';

const DAY_MS = 86_400_000;
/** Their keys keep a job from running twice; whatever could ask for one again does so within days of its turn. */
export const JOBS_KEPT_MS = 30 * DAY_MS;
/** Their places are needed to edit a message: no card is answered that late. */
const DELIVERIES_KEPT_MS = 90 * DAY_MS;
/** To be looked at when something went wrong; the log keeps what the model saw of it. */
const OUTPUTS_KEPT_MS = 90 * DAY_MS;
/** Of one that changed nothing, or is decided, only its numbers are left to look at. */
const REFLECTIONS_KEPT_MS = 90 * DAY_MS;
/** Of one in force, or waiting for a yes: it can be taken back that long. */
const CHANGES_KEPT_MS = 365 * DAY_MS;
/** Rows of one transaction: some milliseconds, then everything else has its turn. */
const BATCH = 500;
/** The same for pieces of output, which are large, and overwritten when they are deleted. */
const BATCH_OF_PIECES = 20;

export async function prune(database: Database, now: number): Promise<number> {
  let count = 0;
  for (const step of [endedJobs, settledDeliveries, oldReflections, oldOutputs]) {
    for (let cursor: number | null = 0; cursor !== null; ) {
      const from: number = cursor;
      const { deleted, next } = await database.write((tx) => step(tx, now, from));
      count += deleted;
      cursor = next;
    }
  }
  await mergeIndex(database);
  return count;
}

/** `next`: where to go on; null at the end. */
type Step = (tx: Tx, now: number, cursor: number) => Promise<{ deleted: number; next: number | null }>;

const endedJobs: Step = async (tx, now) => {
  const keys = await tx.db
    .selectFrom('jobs')
    .select('key')
    .where('ended_at', '<', now - JOBS_KEPT_MS)
    .limit(BATCH)
    .execute();
  if (keys.length === 0) return { deleted: 0, next: null };
  await tx.db
    .deleteFrom('jobs')
    .where(
      'key',
      'in',
      keys.map(({ key }) => key),
    )
    .execute();
  return { deleted: keys.length, next: keys.length < BATCH ? null : 0 };
};

/** In the order in which they were made, which is that of their age: no index of ages has to be kept. */
const settledDeliveries: Step = async (tx, now, cursor) => {
  const rows = await tx.db
    .selectFrom('outbox')
    .select(['ordinal', 'created_at', 'settled_at'])
    .where('ordinal', '>', cursor)
    .orderBy('ordinal')
    .limit(BATCH)
    .execute();
  const limit = now - DELIVERIES_KEPT_MS;
  const old = rows.filter((row) => row.settled_at !== null && row.settled_at < limit);
  await remove(tx, 'outbox', old);
  const last = rows.at(-1);
  const isOver = rows.length < BATCH || last === undefined || last.created_at >= limit;
  return { deleted: old.length, next: isOver ? null : last.ordinal };
};

const oldReflections: Step = async (tx, now, cursor) => {
  const rows = await tx.db
    .selectFrom('reflections')
    .select(['ordinal', 'state', 'created_at'])
    .where('ordinal', '>', cursor)
    .orderBy('ordinal')
    .limit(BATCH)
    .execute();
  const old = rows.filter(({ state, created_at }) => {
    const kept = state === 'applied' || state === 'staged' ? CHANGES_KEPT_MS : REFLECTIONS_KEPT_MS;
    return created_at < now - kept;
  });
  await remove(tx, 'reflections', old);
  const last = rows.at(-1);
  const isOver = rows.length < BATCH || last === undefined || last.created_at >= now - REFLECTIONS_KEPT_MS;
  return { deleted: old.length, next: isOver ? null : last.ordinal };
};

const oldOutputs: Step = async (tx, now) => {
  const limit = now - OUTPUTS_KEPT_MS;
  const rows = await tx.db
    .selectFrom('output_pieces')
    .innerJoin('turns', 'turns.id', 'output_pieces.turn_id')
    .select(['turn_id', 'action_index', 'start'])
    // By the time that ids begin with, so that those of later turns are not looked at.
    .where('turn_id', '<', firstIdOf(Math.max(0, limit)))
    .where('ended_at', '<', limit)
    .limit(BATCH_OF_PIECES)
    .execute();
  for (const { turn_id, action_index, start } of rows)
    await tx.db
      .deleteFrom('output_pieces')
      .where('turn_id', '=', turn_id)
      .where('action_index', '=', action_index)
      .where('start', '=', start)
      .execute();
  return { deleted: rows.length, next: rows.length < BATCH_OF_PIECES ? null : 0 };
};

async function remove(
  tx: Tx,
  table: 'outbox' | 'reflections',
  rows: readonly { readonly ordinal: number }[],
): Promise<void> {
  if (rows.length === 0) return;
  const ordinals = rows.map(({ ordinal }) => ordinal);
  await sql`delete from ${sql.table(table)} where ordinal in (${sql.join(ordinals)})`.execute(tx.db);
}
