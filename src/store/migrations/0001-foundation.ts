/** The first schema: sessions, turns and their logs, approvals, jobs, outbox, usage, channel state, the web feed. */
import { type Kysely, sql } from 'kysely';
import type { MigrationFor } from '../migrate.ts';

export const foundation: MigrationFor = (dialect) => ({
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
    `create table sessions (
      key text primary key, place text not null, direct integer not null, profile text not null,
      created_at bigint not null, last_turn_at bigint not null, history_after bigint not null,
      last_hash text not null)`,
    `create table turns (
      ordinal ${counted}, id text not null unique, session text not null references sessions (key),
      channel text not null, account text not null, conversation text not null, message_id text not null,
      user_id text not null, profile text not null, workspace text not null, input text not null,
      status text not null check (status in ('queued','running','waiting','done','failed','cancelled')),
      seq integer not null, head_hash text not null, fence integer not null, claimable_at bigint,
      lease_owner text, cancel_requested integer not null, accepted_at bigint not null, started_at bigint,
      ended_at bigint, error_code text, answer text)`,
    'create unique index turns_message on turns (channel, account, conversation, message_id)',
    // The queue: at most one turn of a session is being worked on.
    `create unique index turns_active on turns (session) where status in ('running','waiting')`,
    // Old turns are in none of the next two, so a claim costs the same after a million messages.
    'create index turns_claimable on turns (ordinal, claimable_at) where claimable_at is not null',
    'create index turns_open on turns (session, ordinal) where ended_at is null',
    'create index turns_session on turns (session, ordinal)',
    `create table events (
      turn_id text not null references turns (id), seq integer not null, at bigint not null,
      v integer not null, body text not null, prev_hash text not null, hash text not null,
      primary key (turn_id, seq))`,
    ...appendOnly(dialect),
    `create table outputs (
      turn_id text not null references turns (id), action_index integer not null, content text not null,
      primary key (turn_id, action_index))`,
    `create table approvals (
      id text primary key, turn_id text not null references turns (id), session text not null,
      action_index integer not null, action text not null, digest text not null, risk text not null,
      reasons text not null, always_key text, requested_by text not null, created_at bigint not null,
      expires_at bigint not null,
      status text not null check (status in ('pending','approved','denied','expired','cancelled')),
      decision text, decided_by text, decided_by_name text, decided_at bigint)`,
    'create index approvals_turn on approvals (turn_id, action_index)',
    `create index approvals_pending on approvals (expires_at) where status = 'pending'`,
    `create table grants (
      id text primary key, fingerprint text not null, always_key text not null, tool text not null,
      args text not null, profile text not null, workspace text not null, granted_by text not null,
      created_at bigint not null, expires_at bigint, revoked_at bigint)`,
    'create unique index grants_live on grants (fingerprint) where revoked_at is null',
    `create table jobs (
      key text primary key, kind text not null, payload text not null, attempts integer not null,
      run_at bigint not null, claimable_at bigint, lease_owner text, error text, ended_at bigint)`,
    'create index jobs_claimable on jobs (claimable_at) where claimable_at is not null',
    `create table outbox (
      ordinal ${counted}, key text not null unique, turn_id text, lane text not null, place text, edit_of text,
      message text not null, status text not null check (status in ('pending','sent','dropped')),
      attempts integer not null, refs text not null, claimable_at bigint, lease_owner text, error text,
      created_at bigint not null, settled_at bigint)`,
    'create index outbox_claimable on outbox (claimable_at, ordinal) where claimable_at is not null',
    `create index outbox_lane on outbox (lane, ordinal) where status = 'pending'`,
    `create index outbox_edits on outbox (edit_of) where status = 'pending'`,
    `create table usage (
      day text not null, user_id text not null, conversation text not null, role text not null,
      model text not null, calls bigint not null, prompt_tokens bigint not null,
      completion_tokens bigint not null, cost double precision not null,
      primary key (day, user_id, conversation, role, model))`,
    `create table kv (
      namespace text not null, key text not null, value text not null, primary key (namespace, key))`,
    'create table counters (name text primary key, value bigint not null)',
    `insert into counters (name, value) values ('feed', 0), ('check', 0)`,
    `create table conversations (
      id text primary key, title text not null, owner text, created_at bigint not null,
      last_post_at bigint not null)`,
    `create table posts (
      ordinal ${counted}, id text not null unique, conversation text not null, thread text,
      author text not null, author_name text not null, created_at bigint not null, revision bigint not null,
      deleted integer not null, edited integer not null, body text not null)`,
    'create index posts_changes on posts (revision)',
    'create index posts_revision on posts (conversation, revision)',
    'create index posts_place on posts (conversation, thread, ordinal)',
    'create index posts_conversation on posts (conversation, ordinal)',
  ];
}

/** Whoever has the database open, the log cannot be rewritten by a statement, only by tampering the chain shows. */
function appendOnly(dialect: 'sqlite' | 'postgres'): string[] {
  const message = 'events are append-only';
  if (dialect === 'sqlite') {
    return [
      ...['update', 'delete'].map(
        (verb) =>
          `create trigger events_no_${verb} before ${verb} on events begin select raise(abort, '${message}'); end`,
      ),
      // INSERT OR REPLACE deletes without firing a delete trigger.
      `create trigger events_no_replace before insert on events
        when exists (select 1 from events where turn_id = new.turn_id and seq = new.seq)
        begin select raise(abort, '${message}'); end`,
    ];
  }
  return [
    `create function events_refuse() returns trigger language plpgsql as
      $$ begin raise exception '${message}'; end $$`,
    `create trigger events_no_rewrite before update or delete on events
      for each row execute function events_refuse()`,
    `create trigger events_no_truncate before truncate on events
      for each statement execute function events_refuse()`,
  ];
}
