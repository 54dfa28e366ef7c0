/**
 * A copy of a skill belongs to the place it was learned in. Of those that were there nobody knows it: they become
 * private, where nobody else reads along, in the snapshots of reflections too.
 */
import { type Kysely, sql } from 'kysely';
import type { MigrationFor } from '../migrate.ts';

/** A few megabytes in memory. */
const BATCH = 500;

export const placesOfSkills: MigrationFor = () => ({
  up: async (any) => {
    const db = any as Kysely<unknown>;
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
    await placeSnapshots(db);
  },
});

const STATEMENTS = [
  `create table skill_copies (
    owner text not null, name text not null, place text not null, text text, edited_at bigint,
    primary key (owner, name, place))`,
  `insert into skill_copies (owner, name, place, text, edited_at)
    select owner, name, 'private', text, edited_at from skills
    where text is not null or edited_at is not null`,
  'alter table skills drop column text',
  'alter table skills drop column edited_at',
];

type Row = { readonly ordinal: number; readonly body: string };
type Body = { readonly changes: readonly { readonly kind: string }[] | null };

async function placeSnapshots(db: Kysely<unknown>): Promise<void> {
  let after = 0;
  for (;;) {
    const { rows } = await sql<Row>`
      select ordinal, body from reflections where ordinal > ${after} and body like '%"kind":"skill"%'
      order by ordinal limit ${BATCH}`.execute(db);
    for (const { ordinal, body } of rows) {
      const parsed = JSON.parse(body) as Body;
      const changes =
        parsed.changes?.map((one) => (one.kind === 'skill' ? { ...one, place: 'private' } : one)) ?? null;
      await sql`
        update reflections set body = ${JSON.stringify({ ...parsed, changes })}
        where ordinal = ${ordinal}`.execute(db);
      after = ordinal;
    }
    if (rows.length < BATCH) break;
  }
}
