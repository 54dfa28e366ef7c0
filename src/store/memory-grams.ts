/** The index of grams: FTS5 on SQLite, GIN over a `tsvector` on PostgreSQL. The same rows from both (ADR 0008). */
import { createHash } from 'node:crypto';
import { CompiledQuery, type QueryExecutorProvider, type RawBuilder, sql } from 'kysely';
import { gramsOf, type QueryGram } from '../domain/grams.ts';
import { type Memory, type Partition, partitionsOf } from '../domain/memory.ts';
import type { Database, Db } from './database.ts';
import type { Dialect } from './migrate.ts';
import { type MemoryRow, toMemory } from './rows.ts';

type Hit = { readonly position: number; readonly ordinal: number };

/** For each gram the ordinals of the newest `limit` entries that hold it, in no order. */
export async function findGrams(
  db: Db,
  dialect: Dialect,
  grams: readonly QueryGram[],
  limit: number,
): Promise<number[][]> {
  return dialect === 'sqlite' ? await inFts5(db, grams, limit) : await inTsvector(db, grams, limit);
}

/**
 * One statement for all grams, and all that one of them is found in as one value: what surrounds a statement, and handing
 * over a row, takes longer than a look-up.
 */
const LOOK_UP = `
  select (select group_concat(ordinal) from (
    select rowid as ordinal from memory_grams where memory_grams match wanted.value order by rowid desc limit ?)) as ordinals
  from json_each(?) as wanted order by wanted.key`;

/** Grams are letters and digits: there is nothing in them to be quoted. */
async function inFts5(db: Db, grams: readonly QueryGram[], limit: number): Promise<number[][]> {
  const wanted = grams.map(({ text, prefix }) => `"${text}"${prefix ? '*' : ''}`);
  const query = CompiledQuery.raw(LOOK_UP, [limit, JSON.stringify(wanted)]);
  const { rows } = await db.executeQuery(query as CompiledQuery<{ ordinals: string | null }>);
  return rows.map(({ ordinals }) => ordinals?.split(',').map(Number) ?? []);
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

/** Of the owner's key in front of a gram: 48 bits, and the row itself is checked too. */
const PREFIX_LENGTH = 12;

/** In front of each gram, so that a look-up walks through one owner's entries and no other's. */
export function gramPrefix({ scope, owner, place }: Partition): string {
  return createHash('sha256')
    .update(JSON.stringify([scope, owner, place ?? null]))
    .digest('hex')
    .slice(0, PREFIX_LENGTH);
}

const searchText = ({ name, description, body }: Memory): string => `${name} ${description} ${body}`;

/** The same gram once for each partition, so that a viewer of either finds it. */
function prefixedGrams(memory: Memory): string[] {
  const grams = gramsOf(searchText(memory));
  return partitionsOf(memory).flatMap((partition) => {
    const prefix = gramPrefix(partition);
    return grams.map((gram) => prefix + gram);
  });
}

export const toTsvector = (memory: Memory): RawBuilder<unknown> =>
  sql`array_to_tsvector(${prefixedGrams(memory)}::text[])`;

export async function indexInFts5(db: QueryExecutorProvider, ordinal: number, memory: Memory): Promise<void> {
  const text = prefixedGrams(memory).join(' ');
  await sql`insert into memory_grams (rowid, grams) values (${ordinal}, ${text})`.execute(db);
}

export async function dropFromFts5(db: QueryExecutorProvider, ordinal: number): Promise<void> {
  await sql`delete from memory_grams where rowid = ${ordinal}`.execute(db);
}

/** Of the index at a time: some milliseconds, then everything else has its turn. */
const MERGED_PAGES = 500;

/**
 * Makes one segment of the index of SQLite, which keeps what was deleted until then, and asks each of its segments at
 * every look-up. What a crash leaves undone the next time does.
 */
export async function mergeIndex(database: Database): Promise<void> {
  if (database.dialect !== 'sqlite') return;
  for (let pages = -MERGED_PAGES; ; pages = MERGED_PAGES) {
    const changes = await database.write(async ({ db }) => {
      const before = await totalChanges(db);
      await sql`insert into memory_grams (memory_grams, rank) values ('merge', ${sql.lit(pages)})`.execute(
        db,
      );
      return (await totalChanges(db)) - before;
    });
    // The statement itself counts as one.
    if (changes < 2) return;
  }
}

async function totalChanges(db: Db): Promise<number> {
  const { rows } = await sql<{ changes: number }>`select total_changes() as changes`.execute(db);
  return rows[0]?.changes ?? 0;
}

/** Entries indexed anew at a time: a few megabytes in memory. */
const REINDEX_BATCH = 500;
/** Bytes. A look-up reads a page of each segment from its beginning: smaller ones are read sooner. */
const PAGE_BYTES = 500;

/** For a migration, after `gramsOf` has changed. */
export async function reindexMemories(db: QueryExecutorProvider, dialect: Dialect): Promise<void> {
  if (dialect === 'sqlite') {
    await sql`insert into memory_grams (memory_grams) values ('delete-all')`.execute(db);
    await sql`insert into memory_grams (memory_grams, rank) values ('pgsz', ${sql.lit(PAGE_BYTES)})`.execute(
      db,
    );
  }
  for (let after = 0; ; ) {
    const { rows } = await sql<MemoryRow>`
      select * from memories where ordinal > ${after} order by ordinal limit ${REINDEX_BATCH}`.execute(db);
    for (const row of rows) {
      const memory = toMemory(row);
      if (dialect === 'sqlite') await indexInFts5(db, row.ordinal, memory);
      else
        await sql`update memories set grams = ${toTsvector(memory)} where ordinal = ${row.ordinal}`.execute(
          db,
        );
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.ordinal;
  }
}
