/** The full output of an action in compressed pieces, so that it may be long and only some of it be read. */
import { type Kysely, sql } from 'kysely';
import type { MigrationFor } from '../migrate.ts';
import { packOutput, replaceOutput } from '../outputs.ts';
import type { Schema } from '../schema.ts';

export const outputPieces: MigrationFor = (dialect) => ({
  up: async (any) => {
    const db = any as Kysely<Schema>;
    const bytes = dialect === 'sqlite' ? 'blob' : 'bytea';
    await sql
      .raw(`create table output_pieces (
        turn_id text not null references turns (id), action_index integer not null, start integer not null,
        length integer not null, content ${bytes} not null, primary key (turn_id, action_index, start))`)
      .execute(db);
    // It is compressed already.
    if (dialect === 'postgres')
      await sql`alter table output_pieces alter column content set storage external`.execute(db);
    await moveOutputs(db);
    await sql`drop table outputs`.execute(db);
  },
});

type Row = { readonly turn_id: string; readonly action_index: number; readonly content: string };

/** One at a time: each may be some megabytes. */
async function moveOutputs(db: Kysely<Schema>): Promise<void> {
  let [turn, index] = ['', 0];
  for (;;) {
    const { rows } = await sql<Row>`
      select turn_id, action_index, content from outputs where (turn_id, action_index) > (${turn}, ${index})
      order by turn_id, action_index limit 1`.execute(db);
    const row = rows[0];
    if (row === undefined) return;
    [turn, index] = [row.turn_id, row.action_index];
    await replaceOutput({ db }, turn, await packOutput({ index, start: 0, text: JSON.parse(row.content) }));
  }
}
