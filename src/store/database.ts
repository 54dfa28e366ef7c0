/**
 * What a dialect offers the parts of the store: reads, writes that are transactions, and news of commits.
 * Written once here so that the parts hold the SQL and the dialects hold the durability.
 */
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import type { Logger } from '../domain/runtime.ts';
import type { Dialect, MigrationFor } from './migrate.ts';
import type { Schema } from './schema.ts';
import type { Topic } from './store.ts';

export type Db = Kysely<Schema>;

/** One write transaction under way. */
export type Tx = {
  readonly db: Db;
  readonly dialect: Dialect;
  /** Several processes may write at once, so what is read before it is changed has to be locked. */
  readonly locks: boolean;
  /** Says which listeners to call once this is committed. */
  changed(topic: Topic): void;
};

/**
 * A part of a transaction that may fail alone: what it wrote is taken back then, and the rest goes on.
 * @returns the error, when it failed
 * @throws it, when it took the whole transaction along
 */
export async function inSavepoint(
  { db }: Tx,
  work: () => Promise<unknown>,
): Promise<{ readonly error: unknown } | null> {
  await sql`savepoint part`.execute(db);
  try {
    await work();
  } catch (error) {
    try {
      await sql`rollback to savepoint part`.execute(db);
    } catch {
      throw error;
    }
    return { error };
  }
  await sql`release savepoint part`.execute(db);
  return null;
}

export type Database = {
  readonly dialect: Dialect;
  /** Those of other processes that are connected right now; of one that owns its database there are none. */
  connectedWorkers(): Promise<ReadonlySet<string>>;
  /** Sees what is committed. Each statement is a snapshot of its own. */
  read<T>(query: (db: Db) => Promise<T>): Promise<T>;
  /**
   * One transaction; resolves once it is durable. `work` may run more than once (after a deadlock, or when the
   * transaction it shared was rolled back), awaits nothing but `tx.db`, and changes nothing outside it.
   * @param isPatient nobody waits for it: it may stay some milliseconds until others come to share its commit
   */
  write<T>(work: (tx: Tx) => Promise<T>, isPatient?: boolean): Promise<T>;
  onChange(topic: Topic, listener: () => void): () => void;
  /** What compares vectors in SQL, looked for once, when it is first asked for; null: nothing does. */
  vectorExtension(): Promise<VectorExtension | null>;
  stats(): { commits: number; writes: number };
  backup(file: string): Promise<void>;
  close(): Promise<void>;
};

export type VectorExtension = 'sqlite-vec' | 'pgvector';

/** `own`: as the gateway; `share`: reads and writes beside a live one; `read`: changes nothing. */
export type Access = 'own' | 'share' | 'read';

export type OpenOptions = {
  readonly log: Logger;
  readonly access: Access;
  /** How this process is called in leases. */
  readonly worker: string;
  readonly migrations: Readonly<Record<string, MigrationFor>>;
};

/** Runs one statement on one connection. */
export type RunStatement = (sql: string, parameters: readonly unknown[]) => Promise<QueryResult<unknown>>;

/** SQLite can roll back a change of schema, and there is one connection for each use, so nothing to guard. */
class OneConnectionSqlite extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

type Runner = { readonly dialect: Dialect; readonly run: RunStatement };
const runners = new WeakMap<Db, Runner>();

/** The way around Kysely, for what it has compiled already. */
export function runnerOf(db: Db): Runner {
  const found = runners.get(db);
  if (found === undefined) throw new Error('only what kyselyOver made has a runner');
  return found;
}

/** Kysely bound to one connection that somebody else opens, shares and closes. */
export function kyselyOver(dialect: Dialect, run: RunStatement): Db {
  const connection: DatabaseConnection = {
    executeQuery: async <R>(query: CompiledQuery) =>
      (await run(query.sql, query.parameters)) as QueryResult<R>,
    streamQuery: () => {
      throw new Error('streaming is not used');
    },
  };
  const say = (sql: string) => async () => {
    await connection.executeQuery(CompiledQuery.raw(sql));
  };
  const nothing = async () => {};
  const driver: Driver = {
    init: nothing,
    acquireConnection: async () => connection,
    beginTransaction: say(dialect === 'sqlite' ? 'begin immediate' : 'begin'),
    commitTransaction: say('commit'),
    rollbackTransaction: say('rollback'),
    releaseConnection: nothing,
    destroy: nothing,
  };
  const bound = new Kysely<Schema>({
    dialect:
      dialect === 'sqlite'
        ? {
            createAdapter: () => new OneConnectionSqlite(),
            createDriver: () => driver,
            createIntrospector: (db) => new SqliteIntrospector(db),
            createQueryCompiler: () => new SqliteQueryCompiler(),
          }
        : {
            createAdapter: () => new PostgresAdapter(),
            createDriver: () => driver,
            createIntrospector: (db) => new PostgresIntrospector(db),
            createQueryCompiler: () => new PostgresQueryCompiler(),
          },
  });
  runners.set(bound, { dialect, run });
  return bound;
}

/** Listeners of this process, by topic. A listener that throws must not keep the others from hearing. */
export type Listeners = {
  add(topic: Topic, listener: () => void): () => void;
  call(topics: Iterable<Topic>): void;
};

export function createListeners(onError: (error: unknown) => void): Listeners {
  const byTopic = new Map<Topic, Set<() => void>>();
  return {
    add(topic, listener) {
      // Wrapped, so that a function added twice is called twice and removed one at a time.
      const entry = () => listener();
      const entries = byTopic.get(topic) ?? new Set();
      byTopic.set(topic, entries.add(entry));
      return () => void entries.delete(entry);
    },
    call(topics) {
      for (const topic of topics) {
        for (const listener of byTopic.get(topic) ?? []) {
          try {
            listener();
          } catch (error) {
            onError(error);
          }
        }
      }
    },
  };
}
