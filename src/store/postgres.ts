/**
 * PostgreSQL: a pool, one transaction a write, and no guessing about a commit whose answer was lost.
 * Isolation is the default (read committed); what must not change is locked row by row by the parts of the store.
 */
import { sql } from 'kysely';
import pg from 'pg';
import { AppError, errorMessage } from '../domain/errors.ts';
import {
  createListeners,
  type Database,
  type Db,
  kyselyOver,
  type OpenOptions,
  type RunStatement,
  type Tx,
} from './database.ts';
import { migrate, requireCurrent } from './migrate.ts';
import { explainPostgres, isLostConnection, isLostRace } from './postgres-errors.ts';
import { createNotifier } from './postgres-notify.ts';
import type { Topic } from './store.ts';

/** A gateway seldom has more writes under way; ten replicas stay under the server's default of 100. */
const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
/** No statement of ours takes long; one that does is stuck behind a lock that somebody forgot. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** Tries of one write that lost a race or its connection before the commit. */
const MAX_ATTEMPTS = 6;
const RETRY_MS = 20;
/** How long to ask what became of a commit whose answer was lost, before saying that nobody knows (F42). */
const FATE_TRIES = 25;
const FATE_RETRY_MS = 200;
/** Any number, the same in every replica: one of them migrates at a time. */
const MIGRATION_LOCK = 7_275_953;

/** `bigint` and the `numeric` of sums as numbers: nothing here comes near 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    (oid === pg.types.builtins.INT8 || oid === pg.types.builtins.NUMERIC) && format !== 'binary'
      ? Number
      : pg.types.getTypeParser(oid, format),
};

/** Marks our connections among those of the server, followed by the name of the worker. */
const WORKER_PREFIX = 'parley worker ';

type Attempt<T> = { readonly value: T } | { readonly retry: unknown };
/** Which transaction it was, on which run of the server. */
type Identity = { readonly xid: string; readonly server: string };

/** @throws AppError `store.*`, holding nothing open then. */
export async function openPostgres(
  url: string,
  { log, access, worker, migrations }: OpenOptions,
): Promise<Database> {
  const where = withoutPassword(url);
  const config: pg.PoolConfig = {
    connectionString: url,
    application_name: 'parley',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    types,
    ...(access === 'read' && { options: '-c default_transaction_read_only=on' }),
  };
  const pool = new pg.Pool({ ...config, max: MAX_CONNECTIONS });
  // Without a listener a connection that breaks while idle would end the process; the next user gets a new one.
  pool.on('error', (error) => {
    if (!pool.ending) log.warn({ detail: errorMessage(error) }, 'an idle connection to PostgreSQL was lost');
  });
  const explain = (error: unknown) => explainPostgres(where, error);
  const bound = new WeakMap<pg.PoolClient, Db>();
  const dbOf = (client: pg.PoolClient): Db => {
    const db = bound.get(client) ?? kyselyOver('postgres', runOver(client));
    bound.set(client, db);
    return db;
  };
  const listeners = createListeners((error) =>
    log.error({ detail: errorMessage(error) }, 'a listener of the store failed'),
  );
  const notifier = createNotifier({
    connect: () => new pg.Client({ ...config, application_name: `${WORKER_PREFIX}${worker}` }),
    listeners,
    log,
  });
  let commits = 0;
  let pgvector: boolean | undefined;

  async function onConnection<T>(use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let lost = false;
    // A connection may break between two statements; the statement that comes next reports it.
    const onError = () => {
      lost = true;
    };
    client.on('error', onError);
    try {
      return await use(client);
    } catch (error) {
      lost ||= isLostConnection(error);
      throw error;
    } finally {
      client.off('error', onError);
      client.release(lost);
    }
  }

  async function read<T>(query: (db: Db) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await onConnection((client) => query(dbOf(client)));
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !isLostConnection(error)) throw explain(error);
        await pause(RETRY_MS * attempt);
      }
    }
  }

  async function write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const topics = new Set<Topic>();
      const result = await attemptWrite(work, topics);
      if ('value' in result) {
        commits += 1;
        listeners.call(topics);
        notifier.announce(topics);
        return result.value;
      }
      if (attempt >= MAX_ATTEMPTS) throw explain(result.retry);
      // Uneven, so that two that collided do not collide again.
      await pause(RETRY_MS * attempt * (1 + Math.random()));
    }
  }

  async function attemptWrite<T>(work: (tx: Tx) => Promise<T>, topics: Set<Topic>): Promise<Attempt<T>> {
    let committing: { identity: Identity; value: T } | undefined;
    try {
      return await onConnection(async (client) => {
        const identity = await begin(client);
        try {
          const tx: Tx = {
            db: dbOf(client),
            dialect: 'postgres',
            locks: true,
            changed: (topic) => topics.add(topic),
          };
          const value = await work(tx);
          committing = { identity, value };
          const { command } = await client.query('commit');
          if (command !== 'COMMIT') throw new Error('PostgreSQL rolled the transaction back');
          return { value };
        } catch (error) {
          if (!isLostConnection(error)) await client.query('rollback');
          throw error;
        }
      });
    } catch (error) {
      if (isLostRace(error)) return { retry: error };
      if (!isLostConnection(error)) throw explain(error);
      // Before the commit was sent, nothing can have been committed.
      if (committing === undefined) return { retry: error };
      const committed = await fateOf(committing.identity, error);
      return committed ? { value: committing.value } : { retry: error };
    }
  }

  /** Whether a transaction was committed, asked of the server itself. @throws AppError when that cannot be known. */
  async function fateOf({ xid, server }: Identity, cause: unknown): Promise<boolean> {
    for (let attempt = 1; attempt <= FATE_TRIES; attempt++) {
      await pause(FATE_RETRY_MS);
      try {
        const { rows } = await onConnection((client) =>
          client.query<{ status: string | null; server: string }>(
            'select pg_xact_status($1::text::xid8) as status, pg_postmaster_start_time()::text as server',
            [xid],
          ),
        );
        const answer = rows[0];
        // After a restart of the server its number may have been given to another transaction.
        if (answer === undefined || answer.server !== server) break;
        if (answer.status === 'committed') return true;
        if (answer.status === 'aborted') return false;
      } catch (error) {
        if (!isLostConnection(error)) break;
      }
    }
    throw new AppError(
      'store.unreachable',
      `The connection to ${where} was lost during a commit, and whether it took effect could not be found out. Nothing was tried again.`,
      { cause, details: { xid } },
    );
  }

  try {
    await onConnection(async (client) => {
      const schema = { db: dbOf(client), dialect: 'postgres', migrations, where } as const;
      if (access !== 'own') return await requireCurrent(schema);
      await client.query(`select pg_advisory_lock(${MIGRATION_LOCK})`);
      try {
        await migrate(schema);
      } finally {
        await client.query(`select pg_advisory_unlock(${MIGRATION_LOCK})`);
      }
    });
    if (access !== 'read') await notifier.start();
  } catch (error) {
    await notifier.stop();
    await pool.end();
    throw explain(error);
  }

  return {
    dialect: 'postgres',
    async connectedWorkers() {
      const { rows } = await onConnection((client) =>
        client.query<{ name: string }>(
          'select application_name as name from pg_stat_activity where datname = current_database()',
        ),
      );
      const own = rows.map(({ name }) => name).filter((name) => name.startsWith(WORKER_PREFIX));
      return new Set(own.map((name) => name.slice(WORKER_PREFIX.length)));
    },
    read,
    write:
      access === 'read'
        ? () =>
            Promise.reject(
              new AppError('store.unreachable', `${where} was opened for reading only.`, {
                retryable: false,
              }),
            )
        : write,
    onChange: listeners.add,
    async vectorExtension() {
      pgvector ??= await read(hasPgvector);
      return pgvector ? 'pgvector' : null;
    },
    stats: () => ({ commits, writes: commits }),
    backup: () =>
      Promise.reject(
        new AppError(
          'store.unreachable',
          `${where} is backed up with PostgreSQL's own tool: pg_dump --format=custom --file=FILE.`,
          { retryable: false },
        ),
      ),
    async close() {
      await notifier.stop();
      await pool.end();
    },
  };
}

/** Installed in this database, and found without naming its schema. It is never installed from here. */
export async function hasPgvector(db: Db): Promise<boolean> {
  const { rows } = await sql`
    select 1 from pg_extension where extname = 'vector' and to_regtype('vector') is not null`.execute(db);
  return rows.length > 0;
}

/** Begins, and learns the number by which the server can be asked about this transaction later, in one round trip. */
async function begin(client: pg.PoolClient): Promise<Identity> {
  const results: unknown = await client.query(
    'begin; select pg_current_xact_id()::text as xid, pg_postmaster_start_time()::text as server',
  );
  // Several statements give several results, which the types of pg do not tell.
  const [, identity] = results as [unknown, pg.QueryResult<Identity>];
  const row = identity.rows[0];
  if (row === undefined) throw new Error('PostgreSQL gave no transaction id');
  return row;
}

function runOver(client: pg.PoolClient): RunStatement {
  return async (sql, parameters) => {
    const { rows, rowCount } = await client.query(sql, [...parameters]);
    return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
  };
}

function withoutPassword(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url);
    return `postgres://${hostname}${port === '' ? '' : `:${port}`}${pathname}`;
  } catch {
    return 'the PostgreSQL database of store.url';
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
