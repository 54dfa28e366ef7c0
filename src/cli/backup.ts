/** `parley backup` and `parley restore`: a consistent copy while in use, and the way back. */
import { chmod, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AppError, errorMessage } from '../domain/errors.ts';
import { openStore } from '../store/open.ts';
import { explainSqlite } from '../store/sqlite-errors.ts';
import { requireOurs } from '../store/sqlite-file.ts';
import { type CommonOptions, load, printLine, quietLog, withStore } from './command-line.ts';

/** Every database of ours has it, however old. */
const FIRST_MIGRATION = '0001-foundation';

export async function backup(file: string, options: CommonOptions): Promise<number> {
  return withStore(options, async (store) => {
    await store.backup(file);
    printLine(`Backup written to ${file}.`);
    return 0;
  });
}

/** Keeps the database that was there beside it. */
export async function restore(file: string, options: CommonOptions): Promise<number> {
  const loaded = load(options);
  const { url } = loaded.config.store;
  if (!url.startsWith('sqlite:'))
    throw new AppError('store.unreachable', 'restore is for SQLite; use pg_restore for PostgreSQL', {
      retryable: false,
    });
  const path = url.slice('sqlite:'.length);
  const log = quietLog(loaded);
  const copy = `${resolve(path)}.restoring`;
  try {
    await prepare(file, copy, log);
    const kept = await keepOld(path, url, log);
    await rename(copy, path);
    printLine(kept === null ? `Restored ${path}.` : `Restored ${path}; what was there is kept as ${kept}.`);
  } finally {
    await Promise.all(['', '-wal', '-shm', '.lock'].map((suffix) => rm(`${copy}${suffix}`, { force: true })));
  }
  return 0;
}

/** Copies, checks and upgrades it before anything is touched; a file that is no database of ours stops here. */
async function prepare(file: string, copy: string, log: ReturnType<typeof quietLog>): Promise<void> {
  try {
    if ((await stat(file).catch(() => null)) === null)
      throw new AppError('store.unreachable', 'there is no such file', { retryable: false });
    await mkdir(dirname(copy), { recursive: true, mode: 0o700 });
    await copyFile(file, copy);
    await chmod(copy, 0o600);
    requireOurs(copy, FIRST_MIGRATION);
    await (await openStore({ url: `sqlite:${copy}`, log })).close();
  } catch (error) {
    const reason = explainSqlite(copy, error);
    if (!(reason instanceof AppError)) throw error;
    const detail =
      reason.code === 'store.corrupt' || !(error instanceof AppError)
        ? `it is damaged, no database, or cannot be read (${errorMessage(error instanceof AppError ? error.cause : error)})`
        : reason.message.replaceAll(copy, file);
    throw new AppError(
      reason.code,
      `${file} was not restored: ${detail.replace(/\.$/, '')}. Nothing was changed; give the path of a file that \`parley backup\` made.`,
      { cause: error, retryable: false },
    );
  }
}

async function keepOld(path: string, url: string, log: ReturnType<typeof quietLog>): Promise<string | null> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (!exists) return null;
  // Refuses while a gateway runs, and folds the write-ahead log into the file; a damaged one keeps its log.
  try {
    await (await openStore({ url, log })).close();
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'store.corrupt')) throw error;
  }
  const kept = `${path}.before-restore-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  await rename(path, kept);
  if ((await stat(`${path}-wal`).catch(() => null)) !== null) await rename(`${path}-wal`, `${kept}-wal`);
  await rm(`${path}-shm`, { force: true });
  return kept;
}
