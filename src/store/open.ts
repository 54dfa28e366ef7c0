/** From a URL to a store: chooses the dialect, loads its driver alone, migrates, and puts the parts together. */
import { AppError } from '../domain/errors.ts';
import { type Logger, newId } from '../domain/runtime.ts';
import { createAbandoned } from './abandoned.ts';
import { createApprovals } from './approvals.ts';
import type { Access, Database, OpenOptions } from './database.ts';
import { createEvents } from './events.ts';
import { createFeed } from './feed.ts';
import { createJobs } from './jobs.ts';
import { createKeyValue } from './kv.ts';
import { createMemories } from './memories.ts';
import { migrations } from './migrations/all.ts';
import { createOutbox } from './outbox.ts';
import { createOutputs } from './outputs.ts';
import { createReflections } from './reflections.ts';
import { prune } from './retention.ts';
import { createSessions } from './sessions.ts';
import { createSkills } from './skills.ts';
import type { Store } from './store.ts';
import { createTurns } from './turns.ts';
import { createUsage } from './usage.ts';

/**
 * Opens the store, creating and upgrading the database as needed.
 * @param options.url `sqlite:PATH` (relative to the current directory), `sqlite::memory:` or `postgres://…`
 * @param options.access `own` as the gateway; beside a live one `share` reads and writes, `read` changes nothing.
 * @param options.worker how leases of this process are called; at most 40 characters.
 * @throws AppError `store.*` with the remedy in its message.
 */
export async function openStore(options: {
  url: string;
  log: Logger;
  access?: Access;
  worker?: string;
}): Promise<Store> {
  const { log, access = 'own', worker = newId(Date.now()) } = options;
  const database = await openDatabase(options.url, { log, access, worker, migrations });
  return {
    dialect: database.dialect,
    worker,
    sessions: createSessions(database),
    turns: createTurns(database),
    events: createEvents(database),
    approvals: createApprovals(database),
    jobs: createJobs(database, log),
    memories: createMemories(database),
    skills: createSkills(database),
    reflections: createReflections(database),
    outbox: createOutbox(database),
    outputs: createOutputs(database),
    usage: createUsage(database),
    feed: createFeed(database),
    state: (namespace) => createKeyValue(database, namespace),
    onChange: database.onChange,
    releaseAbandoned: createAbandoned(database, worker),
    prune: (now) => prune(database, now),
    check: () => check(database, access === 'read'),
    stats: database.stats,
    backup: database.backup,
    close: database.close,
  };
}

async function openDatabase(url: string, options: OpenOptions): Promise<Database> {
  if (url.startsWith('sqlite:')) {
    const { openSqlite } = await import('./sqlite.ts');
    return await openSqlite(url.slice('sqlite:'.length), options);
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { openPostgres } = await import('./postgres.ts');
    return await openPostgres(url, options);
  }
  throw new AppError(
    'store.unreachable',
    'store.url is neither `sqlite:PATH` nor `postgres://user:password@host/database`.',
    { retryable: false },
  );
}

/** Really writes: a disk that is full answers every read. */
async function check(database: Database, readonly: boolean): Promise<void> {
  if (readonly) {
    await database.read((db) => db.selectFrom('counters').select('value').execute());
    return;
  }
  await database.write(async (tx) => {
    await tx.db
      .updateTable('counters')
      .set((of) => ({ value: of('value', '+', 1) }))
      .where('name', '=', 'check')
      .execute();
  });
}
