/** Memories with their search index and vectors, summaries of long histories, and jobs that keep to their place. */
import { type Kysely, sql } from 'kysely';
import type { MigrationFor } from '../migrate.ts';

export const memory: MigrationFor = (dialect) => ({
  up: async (db) => {
    for (const statement of statements(dialect)) await sql.raw(statement).execute(db as Kysely<unknown>);
  },
});

function statements(dialect: 'sqlite' | 'postgres'): string[] {
  const sqlite = dialect === 'sqlite';
  const counted = sqlite
    ? 'integer primary key autoincrement'
    : 'bigint generated always as identity primary key';
  return [
    `create table memories (
      ordinal ${counted}, id text not null unique,
      scope text not null check (scope in ('user','conversation','workspace')), owner text not null,
      place text, name text not null, description text not null, type text not null, body text not null,
      importance double precision not null, source_turn text, source_seq integer, author text not null,
      created_at bigint not null, updated_at bigint not null
      ${sqlite ? '' : ', grams tsvector not null'})`,
    'create unique index memories_name on memories (scope, owner, name)',
    'create index memories_owner on memories (scope, owner, importance, ordinal)',
    `create index memories_place on memories (scope, owner, place, importance, ordinal) where place is not null`,
    'create index memories_author on memories (author)',
    // Each gram carries a hash of its owner, so that a look-up walks through the entries of one owner only.
    sqlite
      ? `create virtual table memory_grams using fts5
          (grams, content='', contentless_delete=1, detail=none, tokenize='ascii')`
      : 'create index memories_grams on memories using gin (grams)',
    // A look-up asks each part of the index: few parts, for a little more work when something is stored.
    ...(sqlite ? [`insert into memory_grams (memory_grams, rank) values ('automerge', 2)`] : []),
    `create table memory_vectors (
      memory bigint not null references memories (ordinal) on delete cascade, model text not null,
      vector ${sqlite ? 'blob' : 'bytea'} not null, primary key (memory, model))`,
    `create table compactions (
      ordinal ${counted}, session text not null, kept_from bigint not null, summary text not null,
      turn_id text not null, created_at bigint not null)`,
    'create index compactions_session on compactions (session, ordinal)',
    'alter table jobs add column lane text',
    'alter table jobs add column after_turn text',
    `create index outbox_turn on outbox (turn_id) where status = 'pending'`,
  ];
}
