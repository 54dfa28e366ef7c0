/** The store contract on PostgreSQL, with a second replica wherever one can be. */
import pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { startPostgres, type TestPostgres } from './store/postgres.ts';
import { type Backend, silent } from './store/support.ts';
import { describeTurns } from './store/turns-suite.ts';

let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

async function open(): Promise<Backend> {
  const url = await server.createDatabase();
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
    },
  };
}

describe('store on PostgreSQL', () => {
  describeTurns(open);
});
