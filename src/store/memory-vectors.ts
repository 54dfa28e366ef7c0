/**
 * Vectors of memories. All that the viewer may see is compared, by cosine: with the functions of sqlite-vec or pgvector
 * where they are present, in process otherwise, with the same results (ADR 0010).
 */
import { setImmediate } from 'node:timers/promises';
import { type RawBuilder, sql } from 'kysely';
import { type MemoryId, type Partition, partitionsFor, type Viewer } from '../domain/memory.ts';
import type { MemoryStore } from '../domain/memory-store.ts';
import type { Database, Tx } from './database.ts';
import { visibleTo, within } from './memory-partitions.ts';
import type { Dialect } from './migrate.ts';

/** Entries compared at once: a few milliseconds, then everything else has its turn. In process each costs more. */
const PAGE = { 'sqlite-vec': 200, process: 50 } as const;
/** Above every importance: where paging begins. */
const BEFORE_FIRST: Key = { importance: Number.MAX_VALUE, ordinal: 0 };
/** Decimals of a likeness: as far as single precision agrees, in whatever order the products are summed up. */
const DECIMALS = 6;
/** What PostgreSQL's `array_send` writes before the first number, and for each number, its length first. */
const ARRAY_HEADER_BYTES = 20;
const ARRAY_ITEM_BYTES = 8;
const LENGTH_BYTES = 4;
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

type Alike = { readonly id: MemoryId; readonly likeness: number };
type Wanted = {
  readonly viewer: Viewer;
  readonly model: string;
  readonly vector: Float32Array;
  readonly limit: number;
};
type Key = { readonly importance: number; readonly ordinal: number };
/** `compared`: the likeness, or the vector where it is reckoned in process, or nothing to compare. */
type Row = Key & { readonly id: MemoryId; readonly compared: number | Uint8Array | null };

export async function nearest(database: Database, wanted: Wanted): Promise<Alike[]> {
  const extension = await database.vectorExtension();
  return extension === 'pgvector'
    ? await byPgvector(database, wanted)
    : await inPages(database, extension, wanted);
}

/** By what orders the index, so that a page is read without those before it and holds up nobody. */
async function inPages(database: Database, extension: 'sqlite-vec' | null, wanted: Wanted): Promise<Alike[]> {
  const size = PAGE[extension ?? 'process'];
  const { answer, likeness } = comparison(database.dialect, extension, wanted.vector);
  // By id, as one whose importance changes meanwhile may come twice.
  let best = new Map<MemoryId, Alike>();
  for (const partition of partitionsFor(wanted.viewer)) {
    let after: Key | undefined = BEFORE_FIRST;
    while (after !== undefined) {
      const page = pageOf(partition, wanted.model, answer, after, size);
      const { rows } = await database.read((db) => page.execute(db));
      for (const { id, compared } of rows) {
        const found = compared === null ? Number.NaN : likeness(compared);
        if (!Number.isNaN(found)) best.set(id, { id, likeness: Number(found.toFixed(DECIMALS)) });
      }
      best = new Map(inOrder(best.values(), wanted.limit).map((one) => [one.id, one]));
      after = rows.length < size ? undefined : rows.at(-1);
      await setImmediate();
    }
  }
  return [...best.values()];
}

/** Entries without a vector of that model count too: a statement must come to its end. */
const pageOf = (
  partition: Partition,
  model: string,
  answer: RawBuilder<unknown>,
  after: Key,
  size: number,
) => sql<Row>`
  with page as materialized (
    select ordinal, id, importance from memories
    where ${within(partition)} and (importance, ordinal) < (${after.importance}, ${after.ordinal})
    order by importance desc, ordinal desc limit ${size})
  select page.ordinal, page.id, page.importance, ${answer} as compared
  from page left join memory_vectors on memory_vectors.memory = page.ordinal and memory_vectors.model = ${model}
  order by page.importance desc, page.ordinal desc`;

/** What a row answers, only for vectors of the same size, and how that becomes a likeness: 1 alike, 0 unrelated. */
function comparison(dialect: Dialect, extension: 'sqlite-vec' | null, vector: Float32Array) {
  const sameSize =
    dialect === 'sqlite'
      ? sql`length(vector) = ${vector.byteLength}`
      : sql`cardinality(vector) = ${vector.length}`;
  if (extension === 'sqlite-vec') {
    const bytes = bytesOf(vector);
    return {
      answer: sql`case when ${sameSize} then 1 - vec_distance_cosine(vector, ${bytes}) end`,
      likeness: Number,
    };
  }
  const stored = dialect === 'sqlite' ? sql`vector` : sql`array_send(vector)`;
  const read = dialect === 'sqlite' ? fromBytes : fromArray;
  const length = norm(vector);
  return {
    answer: sql`case when ${sameSize} then ${stored} end`,
    likeness: (compared: Row['compared']) =>
      compared instanceof Uint8Array ? cosine(read(compared), vector, length) : Number.NaN,
  };
}

/** In one statement, as the server answers others meanwhile. */
async function byPgvector(database: Database, { viewer, model, vector, limit }: Wanted): Promise<Alike[]> {
  const { rows } = await database.read((db) =>
    sql<Alike>`
      select id, likeness::double precision from (
        select memories.id, round(nullif(
          1 - (memory_vectors.vector::vector <=> ${[...vector]}::real[]::vector), 'NaN')::numeric, ${sql.lit(DECIMALS)}) as likeness
        from memories join memory_vectors on memory_vectors.memory = memories.ordinal
        where ${visibleTo(viewer)} and model = ${model} and cardinality(vector) = ${vector.length}) as compared
      where likeness is not null
      order by likeness desc, id collate "C" desc limit ${limit}`.execute(db),
  );
  return rows;
}

/** Nothing happens when the entry is gone or was changed since. */
export async function setVector(
  tx: Tx,
  { id, updatedAt, model, vector }: Parameters<MemoryStore['setVector']>[0],
): Promise<void> {
  const row = await tx.db
    .selectFrom('memories')
    .select('ordinal')
    .where('id', '=', id)
    .where('updated_at', '=', updatedAt)
    .$if(tx.locks, (query) => query.forUpdate())
    .executeTakeFirst();
  if (row === undefined) return;
  const stored = tx.dialect === 'sqlite' ? sql`${bytesOf(vector)}` : sql`${[...vector]}::real[]`;
  await sql`
    insert into memory_vectors (memory, model, vector) values (${row.ordinal}, ${model}, ${stored})
    on conflict (memory, model) do update set vector = excluded.vector`.execute(tx.db);
}

const inOrder = (found: Iterable<Alike>, limit: number): Alike[] =>
  [...found].sort((a, b) => b.likeness - a.likeness || (a.id < b.id ? 1 : -1)).slice(0, limit);

const bytesOf = (vector: Float32Array): Buffer =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);

/** Floats want to be aligned: bytes that lie anywhere in a larger buffer are copied. */
function fromBytes(bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset } = bytes.byteOffset % FLOAT_BYTES === 0 ? bytes : new Uint8Array(bytes);
  return new Float32Array(buffer, byteOffset, bytes.byteLength / FLOAT_BYTES);
}

function fromArray(sent: Uint8Array): Float32Array {
  const view = new DataView(sent.buffer, sent.byteOffset, sent.byteLength);
  const vector = new Float32Array((sent.byteLength - ARRAY_HEADER_BYTES) / ARRAY_ITEM_BYTES);
  for (let i = 0; i < vector.length; i++)
    vector[i] = view.getFloat32(ARRAY_HEADER_BYTES + i * ARRAY_ITEM_BYTES + LENGTH_BYTES);
  return vector;
}

function norm(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += (vector[i] ?? 0) ** 2;
  return Math.sqrt(sum);
}

function cosine(a: Float32Array, b: Float32Array, lengthOfB: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum / (norm(a) * lengthOfB);
}
