/** Reading memories. The viewer becomes conditions of each query. */
import { type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import { queryGrams } from '../domain/grams.ts';
import { type Partition, partitionsFor, type Viewer } from '../domain/memory.ts';
import type { MemoryStore } from '../domain/memory-store.ts';
import type { Database, Db } from './database.ts';
import { erasePerson, forgetMemory, forgetSnapshots } from './forgetting.ts';
import { changeMemories } from './memory-changes.ts';
import { findGrams, gramPrefix, mergeIndex } from './memory-grams.ts';
import { visibleTo, within } from './memory-partitions.ts';
import { nearest, setVector } from './memory-vectors.ts';
import { type MemoryRow, toMemory } from './rows.ts';
import type { Schema } from './schema.ts';

/** Entries one gram is found in at most: the newest ones. A gram in more of them tells little. */
const HITS_PER_GRAM = 128;
/** Candidates for each result: one that was found by a hash alone is not the viewer's. */
const CANDIDATES_PER_RESULT = 2;

/** All but the grams, which PostgreSQL keeps in the same row. */
const COLUMNS = [
  'ordinal',
  'id',
  'scope',
  'owner',
  'place',
  'name',
  'description',
  'type',
  'body',
  'importance',
  'source_turn',
  'source_seq',
  'author',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof MemoryRow)[];

/**
 * Those of a few entries that the viewer may see. The few are found first: a planner that began with the owner would
 * read all that is kept for a workspace.
 */
const visibleAmong = (
  db: Db,
  viewer: Viewer,
  few: (
    memories: SelectQueryBuilder<Schema, 'memories', MemoryRow>,
  ) => SelectQueryBuilder<Schema, 'memories', MemoryRow>,
): Promise<MemoryRow[]> =>
  db
    .with(
      (cte) => cte('few').materialized(),
      (with_) => few(with_.selectFrom('memories').select(COLUMNS)),
    )
    .selectFrom('few')
    .select(COLUMNS)
    .where(visibleTo(viewer))
    .execute();

function aboutPerson(accounts: readonly string[]) {
  const any = sql.join(accounts);
  return sql<SqlBool>`((scope = 'user' and owner in (${any})) or author in (${any}))`;
}

const most = (rows: MemoryRow[], limit: number): MemoryRow[] =>
  rows.sort((a, b) => b.importance - a.importance || b.ordinal - a.ordinal).slice(0, limit);

export function createMemories(database: Database): MemoryStore {
  return {
    async search({ viewer, text, limit }) {
      const best = await rank(database, viewer, text, limit * CANDIDATES_PER_RESULT);
      if (best.length === 0) return [];
      const ordinals = best.map(({ ordinal }) => ordinal);
      const rows = await database.read((db) =>
        visibleAmong(db, viewer, (memories) => memories.where('ordinal', 'in', ordinals)),
      );
      const byOrdinal = new Map(rows.map((row) => [row.ordinal, toMemory(row)]));
      return best
        .flatMap(({ ordinal, score }) => {
          const memory = byOrdinal.get(ordinal);
          return memory === undefined ? [] : [{ memory, score }];
        })
        .slice(0, limit);
    },
    async prominent({ viewer, limit }) {
      const rows: MemoryRow[] = [];
      for (const partition of partitionsFor(viewer)) {
        rows.push(
          ...(await database.read((db) =>
            db
              .selectFrom('memories')
              .select(COLUMNS)
              .where(within(partition))
              .orderBy('importance', 'desc')
              .orderBy('ordinal', 'desc')
              .limit(limit)
              .execute(),
          )),
        );
      }
      return most(rows, limit).map(toMemory);
    },
    async visible(viewer, ids) {
      if (ids.length === 0) return [];
      const rows = await database.read((db) =>
        visibleAmong(db, viewer, (memories) => memories.where('id', 'in', ids)),
      );
      const byId = new Map(rows.map((row) => [row.id, toMemory(row)]));
      return ids.flatMap((id) => byId.get(id) ?? []);
    },
    alike: (wanted) => nearest(database, wanted),
    vectorExtension: database.vectorExtension,
    setVector: (options) => database.write((tx) => setVector(tx, options)),
    async get(id) {
      const row = await database.read((db) =>
        db.selectFrom('memories').select(COLUMNS).where('id', '=', id).executeTakeFirst(),
      );
      return row && toMemory(row);
    },
    async list({ accounts, after, limit }) {
      const rows = await database.read((db) =>
        db
          .selectFrom('memories')
          .select(COLUMNS)
          .$if(accounts !== undefined, (query) => query.where(aboutPerson(accounts ?? [])))
          .$if(after !== undefined, (query) =>
            query.where('ordinal', '>', (of) =>
              of
                .selectFrom('memories')
                .select('ordinal')
                .where('id', '=', after ?? ''),
            ),
          )
          .orderBy('ordinal')
          .limit(limit)
          .execute(),
      );
      return rows.map(toMemory);
    },
    async ofOwner(scope, owner, limit) {
      const rows = await database.read((db) =>
        db
          .selectFrom('memories')
          .select(COLUMNS)
          .where(within({ scope, owner }))
          .orderBy('importance', 'desc')
          .orderBy('ordinal', 'desc')
          .limit(limit)
          .execute(),
      );
      return rows.map(toMemory);
    },
    apply: (changes) => database.write((tx) => changeMemories(tx, changes)),
    async forget(id) {
      const found = await database.write((tx) => forgetMemory(tx, id));
      if (found) await mergeIndex(database);
      return found;
    },
    forgetSnapshots: (person, id) => database.write((tx) => forgetSnapshots(tx, person, id)),
    async erase(accounts, now) {
      const count = await database.write((tx) => erasePerson(tx, accounts, now));
      if (count > 0) await mergeIndex(database);
      return count;
    },
  };
}

type Ranked = { readonly ordinal: number; readonly score: number };

/** By the share of the looked-for grams, each weighing the more the fewer entries of its owner hold it. */
async function rank(database: Database, viewer: Viewer, text: string, limit: number): Promise<Ranked[]> {
  const inhabited = await withEntries(database, partitionsFor(viewer));
  const grams = queryGrams(text, Math.max(1, inhabited.length));
  if (grams.length === 0) return [];
  const wanted = inhabited.flatMap((partition) => {
    const prefix = gramPrefix(partition);
    return grams.map((gram) => ({ ...gram, text: prefix + gram.text }));
  });
  const hits = await database.read((db) => findGrams(db, database.dialect, wanted, HITS_PER_GRAM));
  const scores = new Map<number, number>();
  for (let start = 0; start < hits.length; start += grams.length) {
    const found = hits.slice(start, start + grams.length);
    const weights = found.map(({ length }) => Math.log(1 + HITS_PER_GRAM / Math.max(1, length)));
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [index, ordinals] of found.entries()) {
      const share = (weights[index] ?? 0) / whole;
      for (const ordinal of ordinals) scores.set(ordinal, (scores.get(ordinal) ?? 0) + share);
    }
  }
  return bestOf(scores, limit);
}

/** Of thousands that share a gram or two a few are wanted: only these are put in order. */
function bestOf(scores: ReadonlyMap<number, number>, limit: number): Ranked[] {
  const best: Ranked[] = [];
  for (const [ordinal, score] of scores) {
    const last = best.at(-1);
    const isFull = best.length === limit;
    if (isFull && last !== undefined && !isBetter({ ordinal, score }, last)) continue;
    if (isFull) best.pop();
    const behind = best.findIndex((one) => isBetter({ ordinal, score }, one));
    best.splice(behind < 0 ? best.length : behind, 0, { ordinal, score });
  }
  return best;
}

const isBetter = (a: Ranked, b: Ranked): boolean =>
  a.score > b.score || (a.score === b.score && a.ordinal > b.ordinal);

/** Looking for dozens of grams where nothing is kept costs as much as where much is. */
async function withEntries(database: Database, partitions: readonly Partition[]): Promise<Partition[]> {
  const queries = partitions.map(
    (partition, i) =>
      sql`select ${sql.lit(i)} as position where exists (select 1 from memories where ${within(partition)})`,
  );
  const { rows } = await database.read((db) =>
    sql<{ position: number }>`${sql.join(queries, sql` union all `)}`.execute(db),
  );
  return rows.flatMap(({ position }) => partitions[position] ?? []);
}
