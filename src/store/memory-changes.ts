/** Writing memories: the row, its grams and what hangs on it change together, whoever asks for it. */
import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import { gramsOf } from '../domain/grams.ts';
import { type Memory, type Partition, partitionsOf } from '../domain/memory.ts';
import type { MemoryChange } from '../domain/memory-store.ts';
import type { Tx } from './database.ts';
import { type MemoryRow, memoryOf } from './rows.ts';

/** Names tried with a number behind them; a further one takes the entry's id. */
const NUMBERED_NAMES = 50;
/** Of the owner's key in front of a gram: 48 bits, and the row itself is checked too. */
const PREFIX_LENGTH = 12;

/** In front of each gram, so that a look-up walks through one owner's entries and no other's. */
export function gramPrefix({ scope, owner, place }: Partition): string {
  return createHash('sha256')
    .update(JSON.stringify([scope, owner, place ?? null]))
    .digest('hex')
    .slice(0, PREFIX_LENGTH);
}

/** @returns the entries put, as they are stored. */
export async function changeMemories(tx: Tx, changes: readonly MemoryChange[]): Promise<Memory[]> {
  const stored: Memory[] = [];
  for (const change of changes) {
    if (change.op === 'remove') await removeMemory(tx, change.id);
    else stored.push(await putMemory(tx, change.memory));
  }
  return stored;
}

async function putMemory(tx: Tx, memory: Memory): Promise<Memory> {
  const known = await tx.db
    .selectFrom('memories')
    .select('ordinal')
    .where('id', '=', memory.id)
    .$if(tx.locks, (query) => query.forUpdate())
    .executeTakeFirst();
  if (known === undefined) return await addMemory(tx, memory);
  await dropIndexed(tx, known.ordinal);
  await tx.db.updateTable('memories').set(rowOf(tx, memory)).where('ordinal', '=', known.ordinal).execute();
  await indexGrams(tx, known.ordinal, memory);
  return memory;
}

async function addMemory(tx: Tx, memory: Memory): Promise<Memory> {
  for (const name of namesFor(memory)) {
    const named = { ...memory, name };
    const added = await tx.db
      .insertInto('memories')
      .values(rowOf(tx, named))
      .onConflict((conflict) => conflict.columns(['scope', 'owner', 'name']).doNothing())
      .returning('ordinal')
      .executeTakeFirst();
    if (added === undefined) continue;
    await indexGrams(tx, added.ordinal, named);
    return named;
  }
  throw new Error(`no name is free for memory ${memory.id}`);
}

function* namesFor({ id, name }: Memory): Generator<string> {
  yield name;
  for (let number = 2; number <= NUMBERED_NAMES; number++) yield `${name}-${number}`;
  yield `${name}-${id}`;
}

/** @returns whether it was there. */
export async function removeMemory(tx: Tx, id: string): Promise<boolean> {
  const row = await tx.db.selectFrom('memories').select('ordinal').where('id', '=', id).executeTakeFirst();
  if (row === undefined) return false;
  await dropIndexed(tx, row.ordinal);
  await tx.db.deleteFrom('memories').where('ordinal', '=', row.ordinal).execute();
  return true;
}

/** SQLite marks what is deleted from a full-text index and keeps it until a merge: this is the merge. */
export async function purgeIndex(tx: Tx): Promise<void> {
  if (tx.dialect === 'sqlite')
    await sql`insert into memory_grams (memory_grams) values ('optimize')`.execute(tx.db);
}

/** Vectors of an earlier text say nothing about the new one. */
async function dropIndexed(tx: Tx, ordinal: number): Promise<void> {
  await tx.db.deleteFrom('memory_vectors').where('memory', '=', ordinal).execute();
  if (tx.dialect === 'sqlite') await sql`delete from memory_grams where rowid = ${ordinal}`.execute(tx.db);
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

/** On SQLite the index is a table of its own; on PostgreSQL a column of the row, written with it. */
async function indexGrams(tx: Tx, ordinal: number, memory: Memory): Promise<void> {
  if (tx.dialect === 'postgres') return;
  const text = prefixedGrams(memory).join(' ');
  await sql`insert into memory_grams (rowid, grams) values (${ordinal}, ${text})`.execute(tx.db);
}

function rowOf(tx: Tx, memory: Memory): Omit<MemoryRow, 'ordinal'> {
  const row = memoryOf(memory);
  if (tx.dialect === 'sqlite') return row;
  const grams: RawBuilder<unknown> = sql`array_to_tsvector(${prefixedGrams(memory)}::text[])`;
  return { ...row, ...{ grams } };
}
