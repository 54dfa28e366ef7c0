/** Looking grams up: FTS5 on SQLite, a GIN index over a `tsvector` on PostgreSQL. The same rows from both. */
import { sql } from 'kysely';
import type { QueryGram } from '../domain/grams.ts';
import type { Db } from './database.ts';
import type { Dialect } from './migrate.ts';

/** For each gram the ordinals of the newest `limit` entries that hold it, newest first. */
export async function findGrams(
  db: Db,
  dialect: Dialect,
  grams: readonly QueryGram[],
  limit: number,
): Promise<number[][]> {
  return dialect === 'sqlite' ? await inFts5(db, grams, limit) : await inTsvector(db, grams, limit);
}

/** Grams are letters and digits: there is nothing in them to be quoted. */
async function inFts5(db: Db, grams: readonly QueryGram[], limit: number): Promise<number[][]> {
  const found: number[][] = [];
  for (const { text, prefix } of grams) {
    const match = `"${text}"${prefix ? '*' : ''}`;
    const { rows } = await sql<{ rowid: number }>`
      select rowid from memory_grams where memory_grams match ${match} order by rowid desc limit ${limit}`.execute(
      db,
    );
    found.push(rows.map(({ rowid }) => rowid));
  }
  return found;
}

async function inTsvector(db: Db, grams: readonly QueryGram[], limit: number): Promise<number[][]> {
  const queries = grams.map(({ text, prefix }) => `'${text}'${prefix ? ':*' : ''}`);
  // Without `offset 0` the planner may walk through all entries by age to find the newest that match.
  const { rows } = await sql<{ position: number; ordinal: number }>`
    select wanted.position, hit.ordinal
    from unnest(${queries}::text[]) with ordinality as wanted (query, position)
    cross join lateral (
      select found.ordinal
      from (select ordinal from memories where grams @@ wanted.query::tsquery offset 0) as found
      order by found.ordinal desc limit ${limit}) as hit`.execute(db);
  const found: number[][] = grams.map(() => []);
  for (const { position, ordinal } of rows) found[position - 1]?.push(ordinal);
  return found;
}
