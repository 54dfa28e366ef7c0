/** Copies SQLite's write-ahead log into the database between transactions, when enough of it has come together. */
import type BetterSqlite3 from 'better-sqlite3';

/** Neither throws: the log stays as it is, and so does all that it holds; the next commit says what is wrong, if anything is. */
export type Checkpoint = {
  /** Asked after each commit. */
  isDue(): boolean;
  run(): void;
};

type Pages = { readonly log: number; readonly checkpointed: number };

/** Looking takes as long as some statements do, and a commit is rarely longer than some hundred pages. */
const COMMITS_A_LOOK = 8;

/** @param pages of the log that wait until they are copied, and those of a few commits more */
export function createCheckpoint(handle: BetterSqlite3.Database, pages: number): Checkpoint {
  const look = handle.prepare<[], Pages>('pragma wal_checkpoint(noop)');
  const copy = handle.prepare<[], Pages>('pragma wal_checkpoint(passive)');
  let commits = 0;
  return {
    isDue() {
      commits += 1;
      if (commits % COMMITS_A_LOOK !== 0) return false;
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
