/** A database file of its own for one test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { openStore } from '../../../src/store/open.ts';
import { type Backend, silent } from './support.ts';

export async function openSqlite(): Promise<Backend> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-store-'));
  const path = join(folder, 'parley.db');
  const store = await openStore({ url: `sqlite:${path}`, log: silent });
  return {
    store,
    replica: async () => store,
    async raw(sql) {
      const shell = new BetterSqlite3(path);
      try {
        return shell.prepare(sql).run();
      } finally {
        shell.close();
      }
    },
    async close() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}
