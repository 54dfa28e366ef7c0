/** Copies SQLite's write-ahead log into the database between transactions, when enough of it has come together. */
import type BetterSqlite3 from 'better-sqlite3';

/** Neither throws: the log stays as it is, and so does all that it holds; the next commit says what is wrong, if anything is. */
export type Checkpoint = {
  isDue(): boolean;
  run(): void;
};

type Pages = { readonly log: number; readonly checkpointed: number };

/** @param pages of the log that wait at most until they are copied */
export function createCheckpoint(handle: BetterSqlite3.Database, pages: number): Checkpoint {
  const look = handle.prepare<[], Pages>('pragma wal_checkpoint(noop)');
  const copy = handle.prepare<[], Pages>('pragma wal_checkpoint(passive)');
  return {
    isDue() {
      const found = quietly(look);
      return found !== undefined && found.log - found.checkpointed >= pages;
    },
    run: () => void quietly(copy),
  };
}

function quietly(statement: BetterSqlite3.Statement<[], Pages>): Pages | undefined {
  try {
    return statement.get();
  } catch {
    return undefined;
  }
}
