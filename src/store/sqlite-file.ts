/** What concerns the SQLite file itself: who may read it, who owns it, whether it is sound, and copies of it. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { AppError } from '../domain/errors.ts';
import { corrupt, isBusy } from './sqlite-errors.ts';

/** Files up to this size are checked at every start: it takes well under a second. */
const ALWAYS_CHECK_BYTES = 32 * 1024 * 1024;
/** The owner alone reads and writes what people said (A52). */
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
/** Pages copied between two turns of the event loop: about half a megabyte. */
const BACKUP_PAGES = 128;

/** Makes folder and file if they are missing; SQLite gives its side files the mode of the file. */
export function createPrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: PRIVATE_FOLDER });
  try {
    // Exclusively: opening and closing a file that is in use would drop the locks SQLite holds on it.
    closeSync(openSync(path, 'wx', PRIVATE_FILE));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/**
 * One gateway a file: holds `<path>.lock` in an exclusive transaction until closed. The kernel gives it back
 * however the process ends. @throws AppError `store.locked`
 */
export function ownFile(path: string): { close(): void } {
  const file = `${path}.lock`;
  createPrivate(file);
  const handle = new BetterSqlite3(file, { timeout: 0 });
  try {
    handle.exec('begin exclusive');
  } catch (error) {
    handle.close();
    if (!isBusy(error)) throw error;
    throw new AppError(
      'store.locked',
      `Another Parley is running on ${path} (it holds ${file}). Stop that one first, or give this one a database of its own in store.url.`,
      { cause: error, details: { path } },
    );
  }
  return handle;
}

/** Reads the whole file for damage when it was not closed properly, and always when that is cheap (F11, F32). */
export function quickCheck(handle: BetterSqlite3.Database, path: string): void {
  const closedProperly = sizeOf(`${path}-wal`) === 0;
  if (closedProperly && sizeOf(path) > ALWAYS_CHECK_BYTES) return;
  const found = handle.pragma('quick_check(1)', { simple: true });
  if (found !== 'ok') throw corrupt(path, String(found));
}

/**
 * Tells a database of ours from anybody else's, before something is migrated into it. Reads only.
 * @param migration the one that every database of ours has. @throws AppError `store.unreachable`, or SQLite's error.
 */
export function requireOurs(path: string, migration: string): void {
  const handle = new BetterSqlite3(path, { readonly: true, fileMustExist: true });
  try {
    const tables = handle.prepare("select 1 from sqlite_master where name = 'kysely_migration'").all();
    const done =
      tables.length > 0 && handle.prepare('select 1 from kysely_migration where name = ?').get(migration);
    if (done) return;
  } finally {
    handle.close();
  }
  throw new AppError('store.unreachable', `${path} is no database of Parley.`, { retryable: false });
}

/**
 * Copies the database while it is in use. Through the writer's own connection changes go to both, so the copy may
 * take its time; through any other a change starts it afresh, so it is copied in one go.
 */
export async function backupTo(handle: BetterSqlite3.Database, file: string): Promise<void> {
  const target = resolve(file);
  // Written beside it first, so that a failed copy never replaces a good one.
  const partial = `${target}.partial`;
  rmSync(partial, { force: true });
  const pages = handle.readonly ? Number.MAX_SAFE_INTEGER : BACKUP_PAGES;
  try {
    createPrivate(partial);
    await handle.backup(partial, { progress: () => pages });
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
