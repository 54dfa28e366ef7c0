/** Who may decide about a request and who has so far, requests asked together, and reminders. */
import { type Kysely, sql } from 'kysely';
import type { MigrationFor } from '../migrate.ts';

export const approvalTerms: MigrationFor = () => ({
  up: async (db) => {
    for (const statement of statements) await sql.raw(statement).execute(db as Kysely<unknown>);
  },
});

const statements = [
  `alter table approvals add column terms text not null
    default '{"approvers":null,"required":1,"secondPerson":false}'`,
  `alter table approvals add column votes text not null default '[]'`,
  'alter table approvals add column batch text',
  'alter table approvals add column remind_at bigint',
  `create index approvals_remind on approvals (remind_at) where status = 'pending' and remind_at is not null`,
  `create index approvals_session on approvals (session, created_at)`,
  'create index approvals_batch on approvals (batch) where batch is not null',
  // Open: its card has buttons. Few at any time, whatever has been asked before.
  `create table approval_batches (
    id text primary key, turn_id text not null, open integer not null)`,
  'create index approval_batches_open on approval_batches (open, id) where open = 1',
];
