/** Vectors of memories, compared in process: the viewer has narrowed them down before (ADR 0010). */
import { setImmediate } from 'node:timers/promises';
import type { MemoryId } from '../domain/memory.ts';
import type { MemoryStore } from '../domain/memory-store.ts';
import type { Database, Tx } from './database.ts';

/** Read and compared at once: a few milliseconds, then everything else has its turn. */
const PAGE = 200;

type Alike = { readonly id: MemoryId; readonly likeness: number };
type Wanted = {
  readonly ordinals: readonly number[];
  readonly model: string;
  readonly vector: Float32Array;
  readonly limit: number;
};

export async function nearest(
  database: Database,
  { ordinals, model, vector, limit }: Wanted,
): Promise<Alike[]> {
  const best: Alike[] = [];
  for (let start = 0; start < ordinals.length; start += PAGE) {
    const page = ordinals.slice(start, start + PAGE);
    const rows = await database.read((db) =>
      db
        .selectFrom('memory_vectors')
        .innerJoin('memories', 'memories.ordinal', 'memory_vectors.memory')
        .select(['memories.id', 'memory_vectors.vector'])
        .where('memory', 'in', page)
        .where('model', '=', model)
        .execute(),
    );
    for (const row of rows) best.push({ id: row.id, likeness: dot(toVector(row.vector), vector) });
    best.sort((a, b) => b.likeness - a.likeness || (a.id < b.id ? 1 : -1)).splice(limit);
    await setImmediate();
  }
  return best;
}

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
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
  await tx.db
    .insertInto('memory_vectors')
    .values({ memory: row.ordinal, model, vector: bytes })
    .onConflict((conflict) => conflict.columns(['memory', 'model']).doUpdateSet({ vector: bytes }))
    .execute();
}

/** A copy, as the bytes may lie anywhere in a larger buffer and floats want to be aligned. */
const toVector = (bytes: Uint8Array): Float32Array => new Float32Array(new Uint8Array(bytes).buffer);

/** Of unit vectors: 1 alike, 0 unrelated. Vectors of different sizes have nothing in common. */
function dot(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return -1;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
