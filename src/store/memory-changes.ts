/** Writing memories: the row, its grams and what hangs on it change together, whoever asks for it. */
import type { Memory } from '../domain/memory.ts';
import type { MemoryChange } from '../domain/memory-store.ts';
import type { Tx } from './database.ts';
import { dropFromFts5, indexInFts5, toTsvector } from './memory-grams.ts';
import { type MemoryRow, memoryOf } from './rows.ts';

/** Names tried with a number behind them; a further one takes the entry's id. */
const NUMBERED_NAMES = 50;

/** @returns the entries put, as they are stored. */
export async function changeMemories(tx: Tx, changes: readonly MemoryChange[]): Promise<Memory[]> {
  const stored: Memory[] = [];
  for (const change of changes) {
    if (change.op === 'remove') await removeMemory(tx, change.id);
    else stored.push(...(await putMemory(tx, change.memory, change.op === 'replace')));
  }
  return stored;
}

async function putMemory(tx: Tx, memory: Memory, onlyIfThere: boolean): Promise<Memory[]> {
  const known = await tx.db
    .selectFrom('memories')
    .select('ordinal')
    .where('id', '=', memory.id)
    .$if(tx.locks, (query) => query.forUpdate())
    .executeTakeFirst();
  if (known === undefined) return onlyIfThere ? [] : [await addMemory(tx, memory)];
  await dropIndexed(tx, known.ordinal);
  await tx.db.updateTable('memories').set(rowOf(tx, memory)).where('ordinal', '=', known.ordinal).execute();
  await indexGrams(tx, known.ordinal, memory);
  return [memory];
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

/** Vectors of an earlier text say nothing about the new one. */
async function dropIndexed(tx: Tx, ordinal: number): Promise<void> {
  await tx.db.deleteFrom('memory_vectors').where('memory', '=', ordinal).execute();
  if (tx.dialect === 'sqlite') await dropFromFts5(tx.db, ordinal);
}

/** On PostgreSQL the grams are a column of the row, written with it; on SQLite an index of its own. */
async function indexGrams(tx: Tx, ordinal: number, memory: Memory): Promise<void> {
  if (tx.dialect === 'sqlite') await indexInFts5(tx.db, ordinal, memory);
}

function rowOf(tx: Tx, memory: Memory): Omit<MemoryRow, 'ordinal'> {
  const row = memoryOf(memory);
  return tx.dialect === 'sqlite' ? row : { ...row, ...{ grams: toTsvector(memory) } };
}
