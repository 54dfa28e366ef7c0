/** SQLite's error codes as the errors of the store: what is wrong, with which file, and how to mend it. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AppError, errorMessage } from '../domain/errors.ts';

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));

/** Anything that is not a known failure of the database comes back as it is: it is a bug, not a condition. */
export function explainSqlite(path: string, error: unknown): unknown {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  const details = { path, code };
  if (isBusy(error)) {
    return new AppError(
      'store.locked',
      `${path} is locked by another program. Close what has it open for writing (another Parley, a database browser, a backup tool), then try again.`,
      { cause: error, details },
    );
  }
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return corrupt(path, errorMessage(error), error);
  if (['SQLITE_FULL', 'SQLITE_IOERR_WRITE', 'ENOSPC', 'EDQUOT'].includes(code)) {
    return new AppError(
      'store.full',
      `There is no room to write to ${path} (${errorMessage(error)}). Free some space, or raise the quota; Parley goes on by itself.`,
      { cause: error, details },
    );
  }
  if (/^SQLITE_(CANTOPEN|IOERR|READONLY|PERM|AUTH|NOLFS)/.test(code) || /^E[A-Z]+$/.test(code)) {
    return new AppError(
      'store.unreachable',
      `${path} cannot be opened or written (${errorMessage(error)}). Check that the folder exists and that this user may write to it.`,
      { cause: error, details },
    );
  }
  return error;
}

/** Names the newest backup in the folder, so that nobody has to look for it. Deletes nothing. */
export function corrupt(path: string, found: string, cause?: unknown): AppError {
  const backup = newestBackupBeside(path);
  const remedy =
    backup === undefined
      ? 'There is no backup beside it; restore one with `parley restore FILE`.'
      : `The newest backup beside it is ${backup}; restore it with \`parley restore ${backup}\`.`;
  return new AppError(
    'store.corrupt',
    `${path} is damaged (${found}). It was left as it is. Keep a copy of it, then: ${remedy}`,
    { cause, details: { path, backup: backup ?? null } },
  );
}

/** Any other database may be the live one of another gateway. `before-restore` is what `parley restore` kept. */
const isBackupName = (name: string): boolean =>
  /backup|\.before-restore-/i.test(name) && !name.endsWith('.partial');

function newestBackupBeside(path: string): string | undefined {
  const own = new Set(['', '-wal', '-shm', '-journal', '.lock'].map((suffix) => basename(path) + suffix));
  const candidates: { file: string; at: number }[] = [];
  for (const folder of [dirname(path), join(dirname(path), 'backups')]) {
    for (const name of namesIn(folder)) {
      const file = join(folder, name);
      const isBeside = folder === dirname(path);
      if (isBeside && (own.has(name) || !isBackupName(name))) continue;
      if (!looksLikeSqlite(file)) continue;
      candidates.push({ file, at: statSync(file).mtimeMs });
    }
  }
  return candidates.sort((a, b) => b.at - a.at)[0]?.file;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function looksLikeSqlite(file: string): boolean {
  try {
    if (!statSync(file).isFile()) return false;
    const header = Buffer.alloc(16);
    const descriptor = openSync(file, 'r');
    try {
      readSync(descriptor, header, 0, header.length, 0);
    } finally {
      closeSync(descriptor);
    }
    return header.toString('latin1') === 'SQLite format 3\0';
  } catch {
    return false;
  }
}
