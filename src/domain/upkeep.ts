/** What a process does for its database beside using it. */
export interface Upkeep {
  /** Gives back what processes that are gone had in hand: turns, deliveries, jobs. At boot, and every few seconds. */
  releaseAbandoned(): Promise<void>;
  /**
   * Deletes what nobody asks for any more: ended jobs, settled deliveries, old reflections (`src/store/retention.ts` says
   * how old), and puts the index of memories in order. Never anything of the logs. In small transactions; returns how
   * many rows went.
   */
  prune(now: number): Promise<number>;
  /** @throws AppError when it cannot be read or written. */
  check(): Promise<void>;
  /** Commits so far and messages they carried, for metrics. */
  stats(): { commits: number; writes: number };
  /** Copies the whole database, consistent, while in use. SQLite: one file. @throws on PostgreSQL (use pg_dump). */
  backup(file: string): Promise<void>;
  close(): Promise<void>;
}
