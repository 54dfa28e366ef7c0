/** Runs Kysely's statements on a better-sqlite3 connection, each shape of statement prepared once. */
import type BetterSqlite3 from 'better-sqlite3';
import type { RunStatement } from './database.ts';

/** The store has fewer shapes than this, save for lists of unusual lengths. */
const MAX_STATEMENTS = 400;

type Prepared = {
  readonly statement: BetterSqlite3.Statement<unknown[], unknown>;
  readonly isReader: boolean;
};

/**
 * Reads what is committed. While the writer has no transaction open, its own connection does: it still holds the pages
 * it wrote, where any other connection has to read them anew after each commit.
 */
export function runReads(writer: BetterSqlite3.Database, beside: BetterSqlite3.Database): RunStatement {
  const runBeside = runOver(beside);
  const runAtWriter = runOver(writer, true);
  return (sql, parameters) => (writer.inTransaction ? runBeside : runAtWriter)(sql, parameters);
}

/** What SQLite itself calls reading includes much that changes the connection. */
const READING = /^\s*(select|with)\b/i;

/** @param readsOnly refuses all but queries that change nothing */
export function runOver(handle: BetterSqlite3.Database, readsOnly = false): RunStatement {
  const prepared = new Map<string, Prepared>();

  function prepare(sql: string): Prepared {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    if (prepared.size >= MAX_STATEMENTS) {
      for (const oldest of prepared.keys()) {
        prepared.delete(oldest);
        break;
      }
    }
    const statement = handle.prepare<unknown[], unknown>(planOnce(sql));
    if (readsOnly && !(statement.readonly && READING.test(sql)))
      throw new Error(`this is no reading: ${sql}`);
    const entry = { statement, isReader: statement.reader };
    prepared.set(sql, entry);
    return entry;
  }

  return async (sql, parameters) => {
    const { statement, isReader } = prepare(sql);
    if (isReader) return { rows: statement.all(...parameters) };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  };
}

/**
 * SQLite lets the plan of a statement depend on values that stand alone in it (`a = ?`, `limit ?`), and therefore
 * compiles it anew after each change of one: better-sqlite3 clears them after every run, so it would be every time, and
 * that takes longer than most statements do. Behind a `+`, which changes nothing else, a value has no say in the plan.
 */
const planOnce = (sql: string): string =>
  sql.replace(/'[^']*'|"[^"]*"|\?/g, (part) => (part === '?' ? '+?' : part));
