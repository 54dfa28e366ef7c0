/**
 * Group commit for SQLite: writes that arrive together share one transaction and one fsync. When one of them fails,
 * all run again, each in a savepoint of its own, so that it takes no other along: failures are seldom, and savepoints
 * cost more than many a write. Nobody hears of a result before the COMMIT.
 */
import type BetterSqlite3 from 'better-sqlite3';
import { AppError } from '../domain/errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Db, Listeners, Tx } from './database.ts';
import { createGathering } from './gathering.ts';
import { isBusy } from './sqlite-errors.ts';
import type { Topic } from './store.ts';

/** Writes in one transaction at most: a commit must not hold up the first caller for long. */
const MAX_BATCH = 256;
/** A transaction takes no new write after so much work. */
const MAX_BATCH_MS = 20;
/** The event loop turns after so much of it, with the transaction open: nobody else writes, and readers see none of it. */
const SLICE_MS = 8;
/** Callers told of a commit at a time: what they do next must not hold up everybody else. */
const TOLD_AT_ONCE = 16;
/** How long a write that nobody waits for stays without company: the next message mostly comes sooner, and shares. */
const PATIENCE_MS = 10;
/** How long another process may hold the write lock before callers are told (F31). */
const BUSY_LIMIT_MS = 5_000;
const BUSY_RETRY_MS = 25;

type Entry = {
  readonly work: (tx: Tx) => Promise<unknown>;
  readonly isWrite: boolean;
  readonly isPatient: boolean;
  readonly settle: (outcome: Outcome) => void;
  outcome: Outcome;
  readonly topics: Set<Topic>;
};
type Outcome = { readonly value: unknown } | { readonly error: unknown };

export type GroupCommit = {
  /** @param isPatient it may wait a moment for others to come */
  run<T>(work: (tx: Tx) => Promise<T>, isWrite: boolean, isPatient?: boolean): Promise<T>;
  stats(): { commits: number; writes: number };
  /** While `copy` reads the database over this connection, it never finds a transaction open. */
  whole<T>(copy: () => Promise<T>): Promise<T>;
  /** Refuses new work and resolves when what was taken is settled. */
  close(): Promise<void>;
};

type Deps = {
  readonly handle: BetterSqlite3.Database;
  readonly db: Db;
  readonly listeners: Listeners;
  readonly checkpoint: Checkpoint;
  /** Turns a driver's error into the one callers see. */
  readonly explain: (error: unknown) => unknown;
};

export function createGroupCommit({ handle, db, listeners, checkpoint, explain }: Deps): GroupCommit {
  const beginImmediate = handle.prepare('begin immediate');
  const commit = handle.prepare('commit');
  const rollback = handle.prepare('rollback');
  const savepoint = handle.prepare('savepoint entry');
  const release = handle.prepare('release entry');
  const rollbackTo = handle.prepare('rollback to entry');
  const totalChanges = handle.prepare<[], number>('select total_changes()').pluck();

  const loop = { now: () => performance.now(), pause, utilization: () => performance.eventLoopUtilization() };
  const gathering = createGathering(loop, MAX_BATCH);
  let queue: Entry[] = [];
  /** One of those that come next has failed. */
  let isInDoubt = false;
  let pending: Promise<void> | undefined;
  let patience: NodeJS.Timeout | undefined;
  let copying = 0;
  let closed = false;
  let commits = 0;
  let writes = 0;

  async function beginWhenFree(): Promise<void> {
    const deadline = performance.now() + BUSY_LIMIT_MS;
    for (;;) {
      try {
        beginImmediate.run();
        return;
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error;
        await pause(BUSY_RETRY_MS);
      }
    }
  }

  async function runOne(entry: Entry): Promise<void> {
    const changed = (topic: Topic) => entry.topics.add(topic);
    entry.topics.clear();
    entry.outcome = { value: await entry.work({ db, dialect: 'sqlite', locks: false, changed }) };
    // Without this what comes next would be written outside of any.
    if (!handle.inTransaction)
      throw new Error('SQLite gave up the transaction, and the write did not say so');
  }

  /** When it fails, only what it wrote itself is taken back, unless SQLite gave up the whole transaction. */
  async function runApart(entry: Entry): Promise<void> {
    savepoint.run();
    try {
      await runOne(entry);
    } catch (error) {
      if (!handle.inTransaction) throw error;
      rollbackTo.run();
      entry.outcome = { error: explain(error) };
      entry.topics.clear();
    }
    release.run();
  }

  /** Runs the last of `taken`. False when the transaction is over, and all but what ended it are in the queue again. */
  async function runNext(taken: readonly Entry[], entry: Entry, isApart: boolean): Promise<boolean> {
    try {
      await (isApart ? runApart(entry) : runOne(entry));
      return true;
    } catch (error) {
      const isGivenUp = !handle.inTransaction;
      if (isApart && !isGivenUp) throw error;
      if (isGivenUp) entry.settle({ error: explain(error) });
      else rollback.run();
      // They told nobody. What took the transaction along does not run again: the others may succeed without it.
      queue = [...(isGivenUp ? taken.slice(0, -1) : taken), ...queue];
      isInDoubt = true;
      return false;
    }
  }

  async function runBatch(): Promise<void> {
    const taken: Entry[] = [];
    // All of them, also those that have come since: another that fails must not undo these again.
    const isApart = isInDoubt;
    isInDoubt = false;
    try {
      await beginWhenFree();
      const changesBefore = totalChanges.get() ?? 0;
      let worked = 0;
      let sliceFrom = performance.now();
      do {
        const entry = queue.shift();
        if (entry === undefined) break;
        taken.push(entry);
        if (!(await runNext(taken, entry, isApart))) return;
        const slice = performance.now() - sliceFrom;
        if (slice < SLICE_MS) continue;
        worked += slice;
        if (copying === 0) await loopTurn();
        sliceFrom = performance.now();
      } while (taken.length < MAX_BATCH && worked < MAX_BATCH_MS);
      const changed = (totalChanges.get() ?? 0) > changesBefore;
      commit.run();
      if (changed) commits += 1;
    } catch (error) {
      if (handle.inTransaction) rollback.run();
      const outcome = { error: explain(error) };
      // When nothing could begin, those who wait are told, rather than tried for ever.
      for (const entry of taken.length > 0 ? taken : queue.splice(0)) entry.settle(outcome);
      return;
    }
    writes += taken.filter((entry) => entry.isWrite).length;
    gathering.took(taken.filter((entry) => entry.isWrite && !entry.isPatient).length);
    for (const [index, entry] of taken.entries()) {
      if (index > 0 && index % TOLD_AT_ONCE === 0) await loopTurn();
      entry.settle(entry.outcome);
    }
    listeners.call(new Set(taken.flatMap((entry) => [...entry.topics])));
  }

  async function drain(): Promise<void> {
    do {
      await gather();
      await runBatch();
      if (!checkpoint.isDue()) continue;
      // Not in one go with the commit, whose callers were told before.
      await loopTurn();
      checkpoint.run();
    } while (queue.some((entry) => closed || !entry.isPatient));
    pending = undefined;
    // They came too late for the last batch, and the next is seldom far.
    if (queue.length > 0) wait();
  }

  /** Lets the event loop turn, so that everything that is ready now shares the commit; longer in a burst. */
  async function gather(): Promise<void> {
    await loopTurn();
    // A database in memory has no disk to spare, and what runs again has waited before.
    if (!closed && !handle.memory && !isInDoubt) await gathering.wait(() => queue.length);
  }

  function wait(): void {
    patience ??= setTimeout(begin, PATIENCE_MS);
  }

  function begin(): void {
    clearTimeout(patience);
    patience = undefined;
    pending ??= drain();
  }

  function run<T>(work: (tx: Tx) => Promise<T>, isWrite: boolean, isPatient = false): Promise<T> {
    if (closed) return Promise.reject(new AppError('store.unreachable', 'The database is closed.'));
    return new Promise<T>((resolve, reject) => {
      queue.push({
        work,
        isWrite,
        isPatient,
        settle: (outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome.value as T)),
        outcome: { error: undefined },
        topics: new Set(),
      });
      if (!isPatient) begin();
      else if (pending === undefined) wait();
    });
  }

  return {
    run,
    stats: () => ({ commits, writes }),
    async whole(copy) {
      copying += 1;
      try {
        // Whatever is open now is over once this has had its turn.
        await run(async () => {}, false);
        return await copy();
      } finally {
        copying -= 1;
      }
    },
    async close() {
      closed = true;
      if (queue.length > 0) begin();
      await pending;
    },
  };
}

const loopTurn = () => new Promise((resolve) => setImmediate(resolve));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
