/** PostgreSQL's error codes as the errors of the store, and which of them mean "try again". */
import { AppError, errorMessage } from '../domain/errors.ts';

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** The server or the way to it went away: class 08, shutdowns (57P01–57P03), the operating system's own, pg's texts. */
export function isLostConnection(error: unknown): boolean {
  if (/^(08...|57P0[123]|E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN).*)$/.test(codeOf(error)))
    return true;
  return /Connection terminated|connection error and is not queryable|connection timeout|timeout exceeded when trying to connect/i.test(
    errorMessage(error),
  );
}

/**
 * Another transaction was in the way: serialization failure, deadlock, or a row that both wanted to be the first to
 * insert. On the next try it is seen.
 */
export const isLostRace = (error: unknown): boolean => ['40001', '40P01', '23505'].includes(codeOf(error));

/** Anything that is not a known failure of the database comes back as it is: it is a bug, not a condition. */
export function explainPostgres(where: string, error: unknown): unknown {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  const options = { cause: error, details: { where, code } };
  if (code === '53100') {
    return new AppError(
      'store.full',
      `The disk of ${where} is full. Free some space; Parley goes on by itself.`,
      options,
    );
  }
  if (/^28|^3D000$/.test(code)) {
    return new AppError(
      'store.unreachable',
      `${where} refused the connection (${errorMessage(error)}). Check user, password and database in store.url.`,
      { ...options, retryable: false },
    );
  }
  if (code === '55P03' || code === '57014') {
    return new AppError(
      'store.locked',
      `${where}: a statement waited too long for a lock (${errorMessage(error)}). Look for idle transactions in pg_stat_activity.`,
      options,
    );
  }
  if (/^XX00[12]$/.test(code)) {
    return new AppError(
      'store.corrupt',
      `${where} reports damaged data (${errorMessage(error)}). Restore a backup.`,
      options,
    );
  }
  if (isLostConnection(error) || /^53|^ENOTFOUND$/.test(code)) {
    return new AppError(
      'store.unreachable',
      `${where} cannot be reached (${errorMessage(error)}). Check that the server runs, and host and port in store.url.`,
      options,
    );
  }
  return error;
}
