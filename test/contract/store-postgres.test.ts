/** The store contract on PostgreSQL, with a second replica wherever one can be. */
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createMemories } from '../../src/store/memories.ts';
import { migrations } from '../../src/store/migrations/all.ts';
import { openStore } from '../../src/store/open.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import type { Store } from '../../src/store/store.ts';
import { describeApprovalTerms } from './store/approval-terms-suite.ts';
import { describeApprovals } from './store/approvals-suite.ts';
import { describeHeads } from './store/heads-suite.ts';
import { describeHistory } from './store/history-suite.ts';
import { describeJobs } from './store/jobs-suite.ts';
import { describeLearning } from './store/learning-suite.ts';
import { describeLogs } from './store/logs-suite.ts';
import { describeMemories } from './store/memories-suite.ts';
import { beforePieces, expectOutputs, writeOlderOutputs } from './store/older-outputs.ts';
import { beforePlaces, expectPrivateCopies, writeOlderSkills } from './store/older-skills.ts';
import { describeOrder } from './store/order-suite.ts';
import { describeOutputs } from './store/outputs-suite.ts';
import { startPostgres, type TestPostgres } from './store/postgres.ts';
import { describeRest } from './store/rest-suite.ts';
import { describeRetention } from './store/retention-suite.ts';
import { describeState } from './store/state-suite.ts';
import { accept, type Backend, claimOne, finish, keyOf, memoryOf, silent } from './store/support.ts';
import { describeTaker } from './store/taker-suite.ts';
import { describeTurns } from './store/turns-suite.ts';

let server: TestPostgres;
/** With all tables: making them anew for each test took longer than the tests. */
let ready: string;
beforeAll(async () => {
  server = await startPostgres();
  ready = await server.createDatabase();
  const store = await openStore({ url: ready, log: silent });
  await store.close();
});
afterAll(() => server.stop());

async function open(): Promise<Backend> {
  const url = await server.createDatabase(ready);
  const stores: Store[] = [];
  const another = async () => {
    const store = await openStore({ url, log: silent });
    stores.push(store);
    return store;
  };
  return {
    store: await another(),
    replica: another,
    async raw(sql) {
      const shell = new pg.Client({ connectionString: url });
      await shell.connect();
      try {
        return await shell.query(sql);
      } finally {
        await shell.end();
      }
    },
    async close() {
      await Promise.all(stores.map((store) => store.close()));
      await server.dropDatabase(url);
    },
  };
}

describe('store on PostgreSQL', () => {
  describe('turns', () => describeTurns(open));
  describe('order', () => describeOrder(open));
  describe('outputs', () => describeOutputs(open));
  describe('logs', () => describeLogs(open));
  describe('approvals', () => describeApprovals(open));
  describe('history', () => describeHistory(open));
  describe('taker', () => describeTaker(open));
  describe('heads', () => describeHeads(open));
  describe('jobs', () => describeJobs(open));
  describe('memories', () => describeMemories(open));
  describe('terms of approval', () => describeApprovalTerms(open));
  describe('skills and reflections', () => describeLearning(open));
  describe('retention', () => describeRetention(open));
  describe('state', () => describeState(open));
  describe('the rest', () => describeRest(open));
});

describe('PostgreSQL alone', () => {
  const opened = async (url: string) => {
    const store = await openStore({ url, log: silent });
    onTestFinished(() => store.close());
    return store;
  };

  test('F42: cut off after the commit was sent, the write is found to have happened and is not repeated', async () => {
    const cut = await cuttingProxy(server.port, 'after');
    const store = await opened(cut.through(await server.createDatabase()));
    cut.arm();
    expect((await accept(store, 'm1')).outcome).toBe('accepted');
    cut.arm();
    await finish(store, await claimOne(store));
    expect(cut.cuts()).toBe(2);
    const turns = await store.turns.list({ limit: 5 });
    expect(turns.map((turn) => [turn.status, turn.seq, turn.fence])).toEqual([['done', 2, 1]]);
    expect(await store.sessions.pending(keyOf())).toEqual([]);
  });

  test('F42: cut off before the commit arrived, the write is found not to have happened and is done again', async () => {
    const cut = await cuttingProxy(server.port, 'before');
    const store = await opened(cut.through(await server.createDatabase()));
    cut.arm();
    expect((await accept(store, 'm1')).outcome).toBe('accepted');
    expect(cut.cuts()).toBe(1);
    expect(await store.turns.list({ limit: 5 })).toHaveLength(1);
  });

  test('connections that were ended are replaced, and news comes again', async () => {
    const url = await server.createDatabase();
    const [store, other] = [await opened(url), await opened(url)];
    const shell = new pg.Client({ connectionString: url });
    await shell.connect();
    await shell.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await shell.end();
    await store.check();
    const heard = vi.fn();
    other.onChange('turns', heard);
    let id = 0;
    await vi.waitFor(
      async () => {
        await accept(store, `m${id++}`);
        expect(heard).toHaveBeenCalled();
      },
      { timeout: 20_000, interval: 100 },
    );
  });

  test('several replicas that start on an empty database at once all come up', async () => {
    const url = await server.createDatabase();
    const stores = await Promise.all([opened(url), opened(url), opened(url)]);
    for (const store of stores) await store.check();
  });

  test('memories of an older program are found after the upgrade, by words and by vectors', async () => {
    const url = await server.createDatabase();
    const older = Object.entries(migrations).filter(([name]) => name < '0005');
    const options = {
      log: silent,
      access: 'own',
      worker: 'w',
      migrations: Object.fromEntries(older),
    } as const;
    const before = await openPostgres(url, options);
    const viewer = { user: 'ana', conversation: 'c', workspace: '/w', direct: true };
    const memory = memoryOf('m1', { scope: 'user', owner: 'ana', place: null });
    await createMemories(before).apply([{ op: 'put', memory }]);
    const bytes = Buffer.from(Float32Array.of(0.6, -0.8).buffer);
    await before.write((tx) =>
      sql`insert into memory_vectors select ordinal, 'e', ${bytes} from memories`.execute(tx.db),
    );
    await before.write((tx) => sql`update memories set grams = ''`.execute(tx.db));
    await before.close();
    const store = await opened(url);
    expect(await store.memories.search({ viewer, text: 'body', limit: 5 })).toEqual([{ memory, score: 1 }]);
    const question = { viewer, model: 'e', vector: Float32Array.of(0.6, -0.8), limit: 5 };
    expect(await store.memories.alike(question)).toEqual([{ id: 'm1', likeness: 1 }]);
  });

  test('A35, E69: copies of skills of an older program are private after the upgrade, and can be undone', async () => {
    const url = await server.createDatabase();
    const options = { log: silent, access: 'own', worker: 'w', migrations: beforePlaces } as const;
    const before = await openPostgres(url, options);
    await writeOlderSkills(before);
    await before.close();
    await expectPrivateCopies(await opened(url));
  });

  test('E14, F29: outputs of an older program can be read after the upgrade', async () => {
    const url = await server.createDatabase();
    const before = await openPostgres(url, {
      log: silent,
      access: 'own',
      worker: 'w',
      migrations: beforePieces,
    });
    await writeOlderOutputs(before);
    await before.close();
    await expectOutputs(await opened(url));
  });

  test('F49: a database of a newer program is refused', async () => {
    const url = await server.createDatabase();
    await (await openStore({ url, log: silent })).close();
    const shell = new pg.Client({ connectionString: url });
    await shell.connect();
    await shell.query(`insert into kysely_migration (name, timestamp) values ('9999-future', '2030-01-01')`);
    await shell.end();
    for (const access of ['own', 'share', 'read'] as const) {
      await expect(openStore({ url, log: silent, access })).rejects.toMatchObject({
        code: 'store.newer_schema',
      });
    }
  });

  test('a reader reads and does not write; an empty database is refused to it', async () => {
    const url = await server.createDatabase();
    await expect(openStore({ url, log: silent, access: 'read' })).rejects.toThrow(/older version/);
    await accept(await opened(url), 'm1');
    const reader = await openStore({ url, log: silent, access: 'read' });
    onTestFinished(() => reader.close());
    expect(await reader.turns.list({ limit: 5 })).toHaveLength(1);
    await reader.check();
    await expect(accept(reader, 'm2')).rejects.toThrow(/reading only/);
    await expect(reader.backup('anywhere')).rejects.toThrow(/pg_dump/);
  });

  test('what cannot be reached is named without its password', async () => {
    const unreachable = openStore({ url: 'postgres://parley:secret@127.0.0.1:1/x', log: silent });
    await expect(unreachable).rejects.toMatchObject({ code: 'store.unreachable' });
    await expect(unreachable).rejects.toThrow(/^(?!.*secret).*127\.0\.0\.1:1\/x/);
    const refused = openStore({ url: server.url.replace(':parley@', ':wrong@'), log: silent });
    await expect(refused).rejects.toMatchObject({ code: 'store.unreachable', retryable: false });
  });
});

/** Stands between store and server; when armed, cuts the connection of the next COMMIT before or after it is done. */
async function cuttingProxy(port: number, when: 'before' | 'after') {
  let armed = false;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connectTo(port, '127.0.0.1');
    let cutting = false;
    const cut = () => {
      cuts += 1;
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => {
      if (armed && bytes.includes('commit\0')) {
        armed = false;
        if (when === 'before') return cut();
        cutting = true;
      }
      upstream.write(bytes);
    });
    // The answer to the COMMIT has come: it is done, and the store never hears of it.
    upstream.on('data', (bytes) => (cutting ? cut() : client.write(bytes)));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });
  const own = (proxy.address() as AddressInfo).port;
  return {
    through: (url: string) => url.replace(`:${port}/`, `:${own}/`),
    arm: () => {
      armed = true;
    },
    cuts: () => cuts,
  };
}
