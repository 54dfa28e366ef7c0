/** Jobs by when they ended, for those that look for old ones. */
import { type Kysely, sql } from 'kysely';
import type { MigrationFor } from '../migrate.ts';

export const endedJobs: MigrationFor = () => ({
  up: async (db) => {
    await sql
      .raw('create index jobs_ended on jobs (ended_at) where ended_at is not null')
      .execute(db as Kysely<unknown>);
  },
});
