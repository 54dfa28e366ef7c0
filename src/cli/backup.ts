/** `parley backup` and `parley restore`: a consistent copy while in use, and the way back. */
import { chmod, copyFile, rename, rm, stat } from 'node:fs/promises';
import { AppError } from '../domain/errors.ts';
import { openStore } from '../store/open.ts';
import { type CommonOptions, load, printLine, quietLog, withStore } from './command-line.ts';

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
  // Opens and checks it before anything is touched; a file that is no database of ours stops here.
  const copy = `${path}.restoring`;
  await copyFile(file, copy);
  await chmod(copy, 0o600);
  await (await openStore({ url: `sqlite:${copy}`, log: quietLog(loaded) })).close();
  const kept = await keepOld(path, loaded.config.store.url, quietLog(loaded));
  await rename(copy, path);
  await Promise.all(['-wal', '-shm', '.lock'].map((suffix) => rm(`${copy}${suffix}`, { force: true })));
  printLine(kept === null ? `Restored ${path}.` : `Restored ${path}; what was there is kept as ${kept}.`);
  return 0;
}

async function keepOld(path: string, url: string, log: ReturnType<typeof quietLog>): Promise<string | null> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (!exists) return null;
  // Refuses while a gateway runs, and folds the write-ahead log into the file.
  await (await openStore({ url, log })).close();
  const kept = `${path}.before-restore-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  await rename(path, kept);
  await Promise.all(['-wal', '-shm'].map((suffix) => rm(`${path}${suffix}`, { force: true })));
  return kept;
}
