/** Looking grams up: FTS5 on SQLite, a GIN index over a `tsvector` on PostgreSQL. The same rows from both. */
import { CompiledQuery, sql } from 'kysely';
import type { QueryGram } from '../domain/grams.ts';
import type { Db } from './database.ts';
import type { Dialect } from './migrate.ts';

type Hit = { readonly position: number; readonly ordinal: number };

/** For each gram the ordinals of the newest `limit` entries that hold it, newest first. */
export async function findGrams(
  db: Db,
  dialect: Dialect,
  grams: readonly QueryGram[],
  limit: number,
): Promise<number[][]> {
  return dialect === 'sqlite' ? await inFts5(db, grams, limit) : await inTsvector(db, grams, limit);
}

/** Grams of one statement: what surrounds a statement takes longer than a look-up. Not more, to prepare few shapes. */
const TOGETHER = 16;
const LOOK_UP =
  'select * from (select ? as position, rowid as ordinal from memory_grams where memory_grams match ? order by rowid desc limit ?)';

/** Grams are letters and digits: there is nothing in them to be quoted. */
async function inFts5(db: Db, grams: readonly QueryGram[], limit: number): Promise<number[][]> {
  const found: number[][] = grams.map(() => []);
  for (let start = 0; start < grams.length; start += TOGETHER) {
    const together = grams.slice(start, start + TOGETHER);
    const text = together.map(() => LOOK_UP).join(' union all ');
    const parameters = together.flatMap((gram, i) => [
      start + i,
      `"${gram.text}"${gram.prefix ? '*' : ''}`,
      limit,
    ]);
    const { rows } = await db.executeQuery(CompiledQuery.raw(text, parameters) as CompiledQuery<Hit>);
    for (const { position, ordinal } of rows) found[position]?.push(ordinal);
  }
  return found;
}

async function inTsvector(db: Db, grams: readonly QueryGram[], limit: number): Promise<number[][]> {
  const queries = grams.map(({ text, prefix }) => `'${text}'${prefix ? ':*' : ''}`);
  // Without `offset 0` the planner may walk through all entries by age to find the newest that match.
  const { rows } = await sql<Hit>`
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
