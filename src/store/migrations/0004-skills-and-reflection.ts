/** What people changed about skills, what was learned from turns, and how lessons fared since. */
import { type Kysely, sql } from 'kysely';
import type { MigrationFor } from '../migrate.ts';

export const skillsAndReflection: MigrationFor = (dialect) => ({
  up: async (db) => {
    for (const statement of statements(dialect)) await sql.raw(statement).execute(db as Kysely<unknown>);
  },
});

function statements(dialect: 'sqlite' | 'postgres'): string[] {
  const counted =
    dialect === 'sqlite'
      ? 'integer primary key autoincrement'
      : 'bigint generated always as identity primary key';
  return [
    `create table skills (
      owner text not null, name text not null, text text, enabled integer not null, edited_at bigint,
      primary key (owner, name))`,
    `create table reflections (
      ordinal ${counted}, id text not null unique, job_id text not null unique, user_id text,
      state text not null check (state in ('none','applied','staged','dismissed','undone')),
      body text not null, created_at bigint not null)`,
    'create index reflections_user on reflections (user_id, ordinal)',
    `create table lesson_counts (
      memory_id text primary key, helpful integer not null, harmful integer not null)`,
  ];
}
