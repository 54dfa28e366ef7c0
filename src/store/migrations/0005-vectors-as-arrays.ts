/** On PostgreSQL vectors become arrays of numbers, which pgvector can compare, wherever it is installed later. */
import { type Kysely, sql } from 'kysely';
import type { MigrationFor } from '../migrate.ts';

/** A few megabytes in memory. */
const BATCH = 500;

type Row = { readonly memory: number; readonly model: string; readonly bytes: Uint8Array };

export const vectorsAsArrays: MigrationFor = (dialect) => ({
  up: async (db) => {
    if (dialect === 'postgres') await convert(db as Kysely<unknown>);
  },
});

async function convert(db: Kysely<unknown>): Promise<void> {
  await sql`alter table memory_vectors rename column vector to bytes`.execute(db);
  await sql`alter table memory_vectors add column vector real[]`.execute(db);
  for (;;) {
    const { rows } = await sql<Row>`
      select memory, model, bytes from memory_vectors where vector is null limit ${BATCH}`.execute(db);
    for (const { memory, model, bytes } of rows) {
      const vector = [...new Float32Array(new Uint8Array(bytes).buffer)];
      await sql`
        update memory_vectors set vector = ${vector}::real[]
        where memory = ${memory} and model = ${model}`.execute(db);
    }
    if (rows.length < BATCH) break;
  }
  await sql`alter table memory_vectors alter column vector set not null, drop column bytes`.execute(db);
}
