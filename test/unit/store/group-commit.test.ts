/** Group commit at its edges: a COMMIT that fails, a transaction SQLite gave up, bounds, order of news. */
import BetterSqlite3 from 'better-sqlite3';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createListeners, inSavepoint, kyselyOver, type Tx } from '../../../src/store/database.ts';
import { createGroupCommit, type GroupCommit } from '../../../src/store/group-commit.ts';
import { runOver } from '../../../src/store/sqlite-statements.ts';

let handle: BetterSqlite3.Database;
let commits: GroupCommit;
/** Whether a transaction was open, for each checkpoint. */
let copied: boolean[];
const listeners = createListeners(() => {});
beforeEach(() => {
  handle = new BetterSqlite3(':memory:');
  handle.pragma('foreign_keys = on');
  handle.exec(`create table parent (id integer primary key);
    create table child (id integer primary key, parent integer references parent deferrable initially deferred)`);
  const db = kyselyOver('sqlite', runOver(handle));
  copied = [];
  commits = createGroupCommit({
    ...{ handle, db, listeners, explain: (error) => error },
    checkpoint: {
      isDue: () => commits.stats().writes >= 300 && copied.length === 0,
      run: () => copied.push(handle.inTransaction),
    },
  });
});
afterEach(async () => {
  await commits.close();
  handle.close();
});

const run = (statement: string) => (tx: Tx) => sql.raw(statement).execute(tx.db);
const write = (statement: string) => commits.run(run(statement), true);
const count = (table: string) => handle.prepare(`select count(*) from ${table}`).pluck().get();

describe('group commit', () => {
  test('when the COMMIT fails, all that shared it hear so, nothing is kept, and the next write works', async () => {
    const results = await Promise.allSettled([
      write('insert into parent values (1)'),
      write('insert into child values (1, 99)'),
    ]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
    expect([count('parent'), count('child')]).toEqual([0, 0]);
    await write('insert into parent values (1)');
    expect(count('parent')).toBe(1);
    expect(commits.stats()).toEqual({ commits: 1, writes: 1 });
  });

  test('when SQLite gives up the transaction, only the write that did it fails; the others run again', async () => {
    const ran: string[] = [];
    const noted = (name: string) => (tx: Tx) => {
      ran.push(name);
      return run(`insert into parent values (${ran.length})`)(tx);
    };
    const results = await Promise.allSettled([
      commits.run(noted('a'), true),
      // What a full disk does to a transaction.
      commits.run(async (tx) => {
        await run('rollback')(tx);
        throw new Error('disk full');
      }, true),
      commits.run(noted('b'), true),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(ran).toEqual(['a', 'a', 'b']);
    expect(count('parent')).toBe(2);
  });

  test('a write that fails takes no other along: all run again, each apart, once and in order', async () => {
    const ran: string[] = [];
    const noted = (name: string, value: number, failure?: Error) => (tx: Tx) => {
      ran.push(name);
      tx.changed('jobs');
      return run(`insert into parent values (${value})`)(tx).then(() => {
        if (failure !== undefined) throw failure;
        return name;
      });
    };
    const no = new Error('no');
    const results = await Promise.allSettled([
      commits.run(noted('a', 1), true),
      commits.run(noted('b', 2, no), true),
      commits.run(noted('c', 3), true),
      // What the failed one wrote is gone when the next runs.
      commits.run(noted('d', 2), true),
      commits.run(noted('e', 3), true),
    ]);
    expect(results.slice(0, 4)).toEqual([
      { status: 'fulfilled', value: 'a' },
      { status: 'rejected', reason: no },
      { status: 'fulfilled', value: 'c' },
      { status: 'fulfilled', value: 'd' },
    ]);
    expect(results[4]).toMatchObject({
      status: 'rejected',
      reason: { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' },
    });
    expect(ran).toEqual(['a', 'b', 'a', 'b', 'c', 'd', 'e']);
    expect(handle.prepare('select id from parent').pluck().all()).toEqual([1, 2, 3]);
    expect(commits.stats()).toEqual({ commits: 1, writes: 5 });
    // The next run without savepoints again.
    ran.length = 0;
    await Promise.allSettled([commits.run(noted('f', 6), true), commits.run(noted('g', 6), true)]);
    expect(ran).toEqual(['f', 'g', 'f', 'g']);
  });

  test('writes that fail and keep coming hold up nobody who is in doubt', async () => {
    let runs = 0;
    let isOver = false;
    const failing: Promise<unknown>[] = [];
    const fail = () => commits.run(() => Promise.reject(new Error('no')), true).catch(() => {});
    const good = commits
      .run((tx) => {
        runs += 1;
        return run('insert into parent values (1)')(tx);
      }, true)
      .finally(() => {
        isOver = true;
      });
    while (!isOver && failing.length < 1_000) {
      failing.push(fail());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([good, ...failing]);
    expect(runs).toBe(2);
  });

  test('any mix of writes ends as if each had run alone, one after the other', async () => {
    const kinds = fc.constantFrom('ok', 'fails', 'gives up', 'gives up unheard', 'patient');
    await fc.assert(
      fc.asyncProperty(fc.array(kinds, { maxLength: 12 }), async (mix) => {
        handle.exec('delete from parent');
        const done = mix.map((kind, index) =>
          commits.run(
            async (tx) => {
              await run(`insert into parent values (${index})`)(tx);
              if (kind.startsWith('gives up')) await run('rollback')(tx);
              if (kind === 'fails' || kind === 'gives up') throw new Error(`${index}`);
              return index;
            },
            true,
            kind === 'patient',
          ),
        );
        const results = await Promise.allSettled(done);
        const isGood = (kind: string) => kind === 'ok' || kind === 'patient';
        expect(results.map(({ status }) => status === 'fulfilled')).toEqual(mix.map(isGood));
        const kept = mix.flatMap((kind, index) => (isGood(kind) ? [index] : []));
        expect(handle.prepare('select id from parent order by id').pluck().all()).toEqual(kept);
      }),
      { numRuns: 60 },
    );
  });

  test('E68: a part that fails alone is taken back alone; one that takes the transaction along fails it with its own error', async () => {
    const part = (statement: string) => async (tx: Tx) => {
      await run('insert into parent values (1)')(tx);
      const failed = await inSavepoint(tx, async () => {
        await run('insert into parent values (2)')(tx);
        await run(statement)(tx);
        throw new Error('no room');
      });
      await run('insert into parent values (3)')(tx);
      return failed;
    };
    // What a full disk does to a transaction.
    await expect(commits.run(part('rollback'), true)).rejects.toThrow('no room');
    expect(count('parent')).toBe(0);
    expect(await commits.run(part('select 1'), true)).toEqual({ error: new Error('no room') });
    expect(handle.prepare('select id from parent').pluck().all()).toEqual([1, 3]);
    expect(await commits.run((tx) => inSavepoint(tx, () => run('delete from parent')(tx)), true)).toBeNull();
    expect(count('parent')).toBe(0);
  });

  test('nobody hears of a result, nor of news, before the commit', async () => {
    const inTransaction: boolean[] = [];
    const stop = listeners.add('turns', () => inTransaction.push(handle.inTransaction));
    await commits.run(async (tx) => {
      tx.changed('turns');
      expect(inTransaction).toEqual([]);
      await run('insert into parent values (1)')(tx);
    }, true);
    stop();
    expect(inTransaction).toEqual([false]);
  });

  test('a write that failed makes no news', async () => {
    const heard = vi.fn();
    const stop = listeners.add('jobs', heard);
    const failing = commits.run(async (tx) => {
      tx.changed('jobs');
      throw new Error('no');
    }, true);
    await expect(failing).rejects.toThrow('no');
    stop();
    expect(heard).not.toHaveBeenCalled();
  });

  test('the event loop turns within a long transaction, which nobody hears of before its end', async () => {
    let now = 0;
    onTestFinished(vi.spyOn(performance, 'now').mockImplementation(() => now).mockRestore);
    const seen: string[] = [];
    const slow = (name: string) => async (tx: Tx) => {
      await run(`insert into parent values (${seen.length})`)(tx);
      now += 10;
      seen.push(name);
      setImmediate(() => seen.push(handle.inTransaction ? 'still open' : 'over'));
    };
    const both = ['a', 'b'].map((name) =>
      commits.run(slow(name), true).then(() => seen.push(`heard ${name}`)),
    );
    await Promise.all(both);
    expect(seen).toEqual(['a', 'still open', 'b', 'still open', 'heard a', 'heard b']);
    expect(commits.stats().commits).toBe(1);
  });

  test('while the database is copied no transaction is open when the event loop turns', async () => {
    let now = 0;
    onTestFinished(vi.spyOn(performance, 'now').mockImplementation(() => now).mockRestore);
    const open: boolean[] = [];
    let done = false;
    const copy = commits.whole(async () => {
      while (!done) {
        open.push(handle.inTransaction);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const slow = (value: number) => async (tx: Tx) => {
      await run(`insert into parent values (${value})`)(tx);
      now += 10;
    };
    await Promise.all([1, 2, 3, 4].map((value) => commits.run(slow(value), true)));
    done = true;
    await copy;
    expect(new Set(open)).toEqual(new Set([false]));
    expect(count('parent')).toBe(4);
  });

  test('what nobody waits for shares the commit of what comes soon after, or has its own a moment later', async () => {
    const patient = (value: number) => commits.run(run(`insert into parent values (${value})`), true, true);
    const waiting = patient(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(commits.stats().writes).toBe(0);
    await Promise.all([waiting, write('insert into parent values (2)')]);
    expect(commits.stats()).toEqual({ commits: 1, writes: 2 });
    await patient(3);
    expect(commits.stats()).toEqual({ commits: 2, writes: 3 });
    const last = patient(4);
    await commits.close();
    await last;
    expect(count('parent')).toBe(4);
  });

  test('what nobody waits for and just misses a commit waits for the next like any other', async () => {
    const patient = (value: number) => commits.run(run(`insert into parent values (${value})`), true, true);
    let missed: Promise<unknown> | undefined;
    const stop = listeners.add('turns', () => {
      missed = patient(2);
    });
    await commits.run(async (tx) => {
      await run('insert into parent values (1)')(tx);
      tx.changed('turns');
    }, true);
    stop();
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([write('insert into parent values (3)'), missed]);
    expect(commits.stats()).toEqual({ commits: 2, writes: 3 });
  });

  test('the log is copied between two transactions', async () => {
    await Promise.all(
      Array.from({ length: 600 }, (_, index) => write(`insert into parent values (${index})`)),
    );
    expect(copied).toEqual([false]);
  });

  test('a batch is bounded, and closing waits for all of it', async () => {
    const all = Promise.all(
      Array.from({ length: 600 }, (_, index) => write(`insert into parent values (${index})`)),
    );
    await commits.close();
    await all;
    expect(count('parent')).toBe(600);
    expect(commits.stats().commits).toBeGreaterThanOrEqual(3);
    await expect(write('insert into parent values (700)')).rejects.toMatchObject({
      code: 'store.unreachable',
    });
  });
});
