/**
 * SQLite: one writer connection with group commit, one for reading beside its transactions, one process that owns the file.
 * What must hold for durability is read back at every open rather than trusted.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { AppError, errorMessage } from '../domain/errors.ts';
import { createCheckpoint } from './checkpoint.ts';
import { createListeners, type Database, type Db, kyselyOver, type OpenOptions } from './database.ts';
import { createGroupCommit } from './group-commit.ts';
import { migrate, refuseNewer, requireCurrent } from './migrate.ts';
import { explainSqlite } from './sqlite-errors.ts';
import { backupTo, createPrivate, ownFile, quickCheck } from './sqlite-file.ts';
import { runOver, runReads } from './sqlite-statements.ts';
import { findSqliteVec } from './sqlite-vec.ts';

/** SQLite itself waits this long for a lock; longer waits are ours, without blocking the event loop. */
const BUSY_TIMEOUT_MS = 100;
/** Kept of the write-ahead log after a burst; without a limit it stays as large as it ever was. */
const WAL_LIMIT_BYTES = 64 * 1024 * 1024;
/** Pages of the log that are copied into the database at a time: more at once means that each is copied less often. */
const CHECKPOINT_PAGES = 4_000;
/** `pragma synchronous` answers with a number. */
const FULL = 2;
/** `pragma temp_store` too. */
const MEMORY = 2;

type Closable = { close(): unknown };

/** @throws AppError `store.*`, holding nothing open then. */
export async function openSqlite(location: string, options: OpenOptions): Promise<Database> {
  const path = location === ':memory:' ? location : resolve(location);
  const opened: Closable[] = [];
  try {
    return options.access === 'read'
      ? await openReader(path, options, opened)
      : await openWriter(path, options, opened);
  } catch (error) {
    closeAll(opened);
    throw explainSqlite(path, error);
  }
}

async function openWriter(
  path: string,
  { log, migrations, access }: OpenOptions,
  opened: Closable[],
): Promise<Database> {
  const inMemory = path === ':memory:';
  if (access === 'share') requireFile(path);
  else if (!inMemory) {
    opened.push(ownFile(path));
    createPrivate(path);
  }
  const writer = connect(path, false, opened);
  const db = kyselyOver('sqlite', runOver(writer));
  const schema = { db, dialect: 'sqlite', migrations, where: path } as const;
  if (!inMemory && access === 'own') quickCheck(writer, path);
  await refuseNewer(schema);
  assertPragma(writer, 'journal_mode', inMemory ? 'memory' : 'wal');
  writer.pragma(`journal_size_limit = ${WAL_LIMIT_BYTES}`);
  // Within a commit, as SQLite itself would do it, it would hold up all who wait for that commit.
  writer.pragma('wal_autocheckpoint = 0');
  if (access === 'own') await migrate(schema);
  else await requireCurrent(schema);

  const listeners = createListeners((error) =>
    log.error({ detail: errorMessage(error) }, 'a listener of the store failed'),
  );
  const explain = (error: unknown) => explainSqlite(path, error);
  const checkpoint = createCheckpoint(writer, CHECKPOINT_PAGES);
  const commits = createGroupCommit({ handle: writer, db, listeners, checkpoint, explain });
  // A database in memory has one connection, where a read beside a transaction would see half of it.
  const readHandle = inMemory ? writer : connect(path, true, opened);
  const reader = inMemory ? undefined : kyselyOver('sqlite', runReads(writer, readHandle));
  return {
    dialect: 'sqlite',
    connectedWorkers: async () => new Set(),
    read: (query) =>
      reader === undefined ? commits.run((tx) => query(tx.db), false) : explained(query(reader), explain),
    write: (work, isPatient) => commits.run(work, true, isPatient),
    onChange: listeners.add,
    vectorExtension: findSqliteVec([writer, readHandle]),
    stats: commits.stats,
    backup: (file) =>
      explained(
        commits.whole(() => backupTo(writer, file)),
        explain,
      ),
    async close() {
      await commits.close();
      closeAll(opened);
    },
  };
}

/** Beside a live gateway: takes no lock, migrates nothing, writes nothing. */
async function openReader(path: string, { migrations }: OpenOptions, opened: Closable[]): Promise<Database> {
  requireFile(path);
  const reader = connect(path, true, opened);
  const db: Db = kyselyOver('sqlite', runOver(reader));
  await requireCurrent({ db, dialect: 'sqlite', migrations, where: path });
  const explain = (error: unknown) => explainSqlite(path, error);
  return {
    dialect: 'sqlite',
    connectedWorkers: async () => new Set(),
    read: (query) => explained(query(db), explain),
    write: () =>
      Promise.reject(
        new AppError('store.unreachable', `${path} was opened for reading only.`, { retryable: false }),
      ),
    onChange: () => () => {},
    vectorExtension: findSqliteVec([reader]),
    stats: () => ({ commits: 0, writes: 0 }),
    backup: (file) => explained(backupTo(reader, file), explain),
    close: async () => closeAll(opened),
  };
}

function connect(path: string, readonly: boolean, opened: Closable[]): BetterSqlite3.Database {
  const handle = new BetterSqlite3(path, {
    readonly,
    fileMustExist: path !== ':memory:',
    timeout: BUSY_TIMEOUT_MS,
  });
  opened.push(handle);
  assertPragma(handle, 'synchronous', FULL);
  assertPragma(handle, 'foreign_keys', 1);
  // What is erased is overwritten, not left lying in free pages. Next to nothing is ever deleted.
  assertPragma(handle, 'secure_delete', 1);
  // What undoes a part of a transaction would else go through a file in the system's folder for such.
  assertPragma(handle, 'temp_store', MEMORY);
  return handle;
}

/** Sets it and reads it back: a setting that did not take would lose data only once the power fails. */
function assertPragma(handle: BetterSqlite3.Database, name: string, value: string | number): void {
  handle.pragma(`${name} = ${value}`);
  const actual = handle.pragma(name, { simple: true });
  if (actual === value) return;
  throw new AppError(
    'store.unreachable',
    `${handle.name}: SQLite keeps ${name} at ${String(actual)} where ${value} is needed. Put the database on a local disk (not a network share).`,
    { retryable: false },
  );
}

async function explained<T>(work: Promise<T>, explain: (error: unknown) => unknown): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw explain(error);
  }
}

function closeAll(opened: Closable[]): void {
  // The lock was taken first and goes last.
  for (const item of opened.splice(0).reverse()) item.close();
}

function requireFile(path: string): void {
  if (existsSync(path)) return;
  const text = `${path} does not exist yet. Start the gateway once to create it.`;
  throw new AppError('store.unreachable', text, { retryable: false });
}
