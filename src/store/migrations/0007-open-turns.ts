/**
 * The index of open turns holds all that is asked of it. Without that SQLite took the one of all turns of a session,
 * and a message cost the more the longer its conversation was.
 */
import { type Kysely, sql } from 'kysely';
import type { MigrationFor } from '../migrate.ts';

export const openTurns: MigrationFor = () => ({
  up: async (db) => {
    await sql.raw('drop index turns_open').execute(db as Kysely<unknown>);
    await sql
      .raw('create index turns_open on turns (session, ordinal, ended_at) where ended_at is null')
      .execute(db as Kysely<unknown>);
  },
});
