/** What only a file can suffer: crashes, a second owner, damage, a full disk, a newer program. */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import BetterSqlite3 from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { eventHash } from '../../src/domain/event.ts';
import type { Access } from '../../src/store/database.ts';
import { migrations } from '../../src/store/migrations/all.ts';
import { openStore } from '../../src/store/open.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { accept, claimOne, finish, silent } from './store/support.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-store-'));
  path = join(folder, 'data', 'parley.db');
});
afterEach(() => rm(folder, { recursive: true }));

const open = (access: Access = 'own') => openStore({ url: `sqlite:${path}`, log: silent, access });

function shell<T>(use: (handle: BetterSqlite3.Database) => T): T {
  const handle = new BetterSqlite3(path);
  try {
    return use(handle);
  } finally {
    handle.close();
  }
}

async function filled(messages = 1): Promise<void> {
  const store = await open();
  for (let index = 0; index < messages; index++) await accept(store, `m${index}`);
  await store.close();
}

describe('durability', () => {
  test('every open asks for WAL and FULL and reads back that it has them, on every connection', async () => {
    const spy = vi.spyOn(BetterSqlite3.prototype, 'pragma');
    const answers = (name: string) =>
      spy.mock.calls.flatMap(([source], index) => (source === name ? [spy.mock.results[index]?.value] : []));
    try {
      for (const _ of ['first', 'again']) {
        spy.mockClear();
        const store = await open();
        expect(answers('synchronous')).toEqual([2, 2]);
        expect(answers('foreign_keys')).toEqual([1, 1]);
        expect(answers('journal_mode')).toEqual(['wal']);
        await store.close();
      }
      spy.mockImplementation((source) => (source === 'synchronous' ? 1 : 'wal'));
      await expect(open()).rejects.toMatchObject({ code: 'store.unreachable' });
    } finally {
      spy.mockRestore();
    }
  });

  test('A52: the files are for their owner alone', async () => {
    const store = await open();
    await accept(store, 'm1');
    const modes = ['', '-wal', '-shm', '.lock'].map((suffix) => statSync(path + suffix).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600, 0o600, 0o600]);
    expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
    await store.close();
  });

  test('writes that come together share commits', async () => {
    const store = await open();
    const before = store.stats();
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => accept(store, 'm', { conversation: `c${index}` })),
    );
    const after = store.stats();
    expect(after.writes - before.writes).toBe(200);
    expect(after.commits - before.commits).toBeLessThan(50);
    await store.close();
  });

  test('a poll that finds nothing costs no commit', async () => {
    const store = await open();
    const before = store.stats().commits;
    for (let index = 0; index < 10; index++) {
      await store.turns.claim({ worker: 'w', limit: 1, leaseMs: 1, now: 1 });
      await store.outbox.claim({ worker: 'w', limit: 1, leaseMs: 1, now: 1 });
      await store.jobs.claim({ worker: 'w', kinds: ['k'], limit: 1, leaseMs: 1, now: 1 });
    }
    expect(store.stats().commits).toBe(before);
    await store.close();
  });

  test('a write that fails takes no other along', async () => {
    const store = await open();
    await accept(store, 'm1');
    const claimed = await claimOne(store);
    const results = await Promise.allSettled([
      accept(store, 'a', { conversation: 'a' }),
      finish(store, claimed, { fence: 99 }),
      accept(store, 'b', { conversation: 'b' }),
      finish(store, claimed),
    ]);
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    await store.close();
    const again = await open();
    expect(await again.turns.list({ limit: 10 })).toHaveLength(3);
    await again.close();
  });

  test('F1, P1: killed in the middle of writes, nothing acknowledged is lost and the log is whole', async () => {
    for (let round = 0; round < 3; round++) {
      const child = startChild([`sqlite:${path}`]);
      const acknowledged = new Set<string>();
      const lines = linesOf(child);
      for await (const line of lines) {
        if (line.startsWith('ack ')) acknowledged.add(line.slice(4));
        if (acknowledged.size === 20 + round * 7) child.kill('SIGKILL');
      }
      // The kernel gave the lock back with the process.
      const store = await open();
      const turns = await store.turns.list({ limit: 10_000 });
      const stored = new Set(turns.map((turn) => turn.input.id));
      expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
      for (const row of await store.events.export({ limit: 10_000 })) {
        const { turnId, seq, at, v } = row.event;
        expect(row.hash).toBe(eventHash(row.prevHash, turnId, seq, at, v, row.bodyJson));
      }
      expect(await store.events.export({ limit: 10_000 })).toHaveLength(turns.length);
      await store.close();
      await rm(join(folder, 'data'), { recursive: true });
    }
  });
});

describe('one owner', () => {
  test('P1: what is read while a long transaction lets the event loop turn is committed', async () => {
    const database = await openSqlite(path, { log: silent, access: 'own', worker: 'w', migrations });
    onTestFinished(() => database.close());
    let isOpen = true;
    const write = (key: string) =>
      database.write(async (tx) => {
        await tx.db.insertInto('kv').values({ namespace: 'n', key, value: '1' }).execute();
        const end = performance.now() + 9;
        while (performance.now() < end);
      });
    const writing = Promise.all(['a', 'b'].map(write)).finally(() => {
      isOpen = false;
    });
    const elsewhere = new BetterSqlite3(path, { readonly: true });
    const committed = elsewhere.prepare<[], number>('select count(*) from kv').pluck();
    let reads = 0;
    while (isOpen) {
      const seen = await database.read((db) => db.selectFrom('kv').selectAll().execute());
      expect(seen.length).toBeLessThanOrEqual(committed.get() ?? 0);
      reads += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    expect(reads).toBeGreaterThan(1);
    elsewhere.close();
  });

  test('a second gateway on the file is refused, a reader is not', async () => {
    const store = await open();
    await accept(store, 'm1');
    await expect(open()).rejects.toMatchObject({ code: 'store.locked' });
    await expect(open()).rejects.toThrow(/Another Parley is running on .*parley\.db/);
    const reader = await open('read');
    expect(await reader.turns.list({ limit: 5 })).toHaveLength(1);
    await accept(store, 'm2');
    expect(await reader.turns.list({ limit: 5 })).toHaveLength(2);
    await expect(accept(reader, 'm3')).rejects.toThrow(/reading only/);
    await reader.check();
    await reader.close();
    await store.close();
    await (await open()).close();
  });

  test('F31: a write waits for another program’s lock, and says so when it does not end', async () => {
    const store = await open();
    const other = new BetterSqlite3(path);
    other.exec('begin immediate');
    const waiting = accept(store, 'm1');
    await new Promise((resolve) => setImmediate(resolve));
    other.exec('commit');
    expect((await waiting).outcome).toBe('accepted');

    other.exec('begin immediate');
    await expect(accept(store, 'm2')).rejects.toMatchObject({ code: 'store.locked' });
    await expect(store.turns.list({ limit: 1 })).resolves.toHaveLength(1);
    other.exec('commit');
    other.close();
    expect((await accept(store, 'm2')).outcome).toBe('accepted');
    await store.close();
  });
});

describe('what it refuses to open', () => {
  const refusal = async (access: Access = 'own') => {
    const error: unknown = await open(access).catch((reason: unknown) => reason);
    return error as Error & { code: string };
  };

  test('F32: a file that is no database, untouched, with the newest backup named', async () => {
    await filled();
    const backup = join(folder, 'data', 'monday.backup');
    copyFileSync(path, backup);
    writeFileSync(path, 'this is not a database, whatever its name says'.repeat(100));
    const before = readFileSync(path);
    const error = await refusal();
    expect(error.code).toBe('store.corrupt');
    expect(error.message).toContain(backup);
    expect(readFileSync(path).equals(before)).toBe(true);
    // The lock is free again: once the file is mended it opens.
    copyFileSync(backup, path);
    await (await open()).close();
  });

  test('F11, F32: a page overwritten with garbage', async () => {
    await filled(20);
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 4096 * 3, 4096 * 9);
    writeFileSync(path, bytes);
    const error = await refusal();
    expect(error.code).toBe('store.corrupt');
    expect(error.message).toMatch(/no backup beside it/);
  });

  test('F32: a file cut off', async () => {
    await filled(20);
    truncateSync(path, statSync(path).size - 4096 * 3);
    expect((await refusal()).code).toBe('store.corrupt');
  });

  test('F49: a database of a newer program, with nothing written', async () => {
    await filled();
    shell((handle) =>
      handle.exec(`insert into kysely_migration (name, timestamp) values ('9999-future', '2030-01-01')`),
    );
    const before = readFileSync(path);
    for (const access of ['own', 'share', 'read'] as const) {
      const error = await refusal(access);
      expect(error.code).toBe('store.newer_schema');
      expect(error.message).toContain('9999-future');
    }
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('a reader needs the file to be there, with a schema', async () => {
    expect((await refusal('read')).message).toMatch(/does not exist yet/);
    expect(existsSync(path)).toBe(false);
    await filled();
    shell((handle) => handle.exec('drop table kysely_migration'));
    expect((await refusal('read')).message).toMatch(/older version/);
  });

  test('a folder that cannot be made', async () => {
    writeFileSync(join(folder, 'data'), 'a file in its place');
    expect((await refusal()).code).toBe('store.unreachable');
  });
});

/** Part of util-linux, which is on every Linux but the smallest. */
const prlimit = '/usr/bin/prlimit';

test('F30: a full disk refuses with no half rows, and it goes on once there is room', async ({ skip }) => {
  if (!existsSync(prlimit)) {
    skip(`${prlimit} is not there, so the file-size limit of a process cannot be raised again`);
  }
  // 2 MiB a file: room for the schema, then for a few of the large messages. SIGXFSZ would end the process.
  const limited = `trap '' XFSZ; ulimit -S -f 2048; exec "$0" "$@"`;
  const child = startChild([`sqlite:${path}`, '100000'], ['bash', '-c', limited]);
  const acknowledged: string[] = [];
  let refused = '';
  for await (const line of linesOf(child)) {
    if (line.startsWith('ack ')) acknowledged.push(line.slice(4));
    if (line.startsWith('refused ')) {
      refused = line;
      execFileSync(prlimit, ['--pid', String(child.pid), '--fsize=unlimited:unlimited']);
      child.stdin.write('go on\n');
    }
  }
  expect(refused).toBe('refused store.full');
  expect(acknowledged.at(-1)).toBe('after');
  const store = await open();
  const turns = await store.turns.list({ limit: 1_000 });
  expect(turns.map((turn) => turn.input.id).sort()).toEqual(acknowledged.sort());
  expect(await store.events.export({ limit: 1_000 })).toHaveLength(turns.length);
  await store.close();
  expect(shell((handle) => handle.pragma('integrity_check', { simple: true }))).toBe('ok');
});

test('P15: a backup taken while in use opens as the same store, for its owner alone', async () => {
  const store = await open();
  for (let index = 0; index < 50; index++) await accept(store, `m${index}`);
  const reader = await open('read');
  const copies = { gateway: join(folder, 'live.db'), command: join(folder, 'beside.db') };
  const writing = Promise.all(Array.from({ length: 50 }, (_, index) => accept(store, `n${index}`)));
  await Promise.all([store.backup(copies.gateway), reader.backup(copies.command)]);
  await writing;
  await store.backup(copies.gateway);
  await reader.close();
  await store.close();
  for (const copy of Object.values(copies)) {
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    const restored = await openStore({ url: `sqlite:${copy}`, log: silent });
    const turns = await restored.turns.list({ limit: 1_000 });
    expect(turns.length).toBeGreaterThanOrEqual(50);
    expect(await restored.events.export({ limit: 1_000 })).toHaveLength(turns.length);
    await restored.close();
  }
});

test('a store in memory works the same, and forgets', async () => {
  const store = await openStore({ url: 'sqlite::memory:', log: silent });
  const [first, second] = await Promise.all([accept(store, 'm1'), accept(store, 'm1'), store.check()]);
  expect([first.outcome, second.outcome]).toEqual(['accepted', 'duplicate']);
  await finish(store, await claimOne(store));
  expect(await store.turns.list({ limit: 5 })).toHaveLength(1);
  await store.close();
});

test('a URL of another kind is refused with what is expected', async () => {
  await expect(openStore({ url: 'mysql://x', log: silent })).rejects.toThrow(/sqlite:PATH/);
});

type Child = ChildProcessByStdio<Writable, Readable, null>;

function startChild(args: string[], wrapper: string[] = []): Child {
  const program = fileURLToPath(new URL('./store/writer-child.ts', import.meta.url));
  const [command = '', ...rest] = [...wrapper, process.execPath, program, ...args];
  return spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function* linesOf(child: Child): AsyncGenerator<string> {
  const exit = once(child, 'exit');
  yield* createInterface({ input: child.stdout });
  await exit;
}
