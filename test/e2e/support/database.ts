/** A database that rows are proven on: how a gateway names it, and a shell to it. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import { afterAll } from 'vitest';
import { startPostgres } from '../../contract/store/postgres.ts';

export type TestDatabase = {
  readonly name: string;
  /** Of a database of its own. */
  url(): Promise<string>;
  /** Runs a statement past the gateway on the one that was named last. Returns how many rows it changed. */
  run(folder: string, sql: string): Promise<number>;
};

export const sqlite: TestDatabase = {
  name: 'SQLite',
  url: async () => 'sqlite:data/parley.db',
  async run(folder, sql) {
    const shell = new Database(join(folder, 'data/parley.db'));
    try {
      return shell.prepare(sql).run().changes;
    } finally {
      shell.close();
    }
  },
};

export async function openPostgres(): Promise<TestDatabase> {
  const server = await startPostgres();
  afterAll(() => server.stop());
  let latest = '';
  return {
    name: 'PostgreSQL',
    async url() {
      latest = await server.createDatabase();
      return latest;
    },
    async run(_folder, sql) {
      const shell = new pg.Client(latest);
      await shell.connect();
      try {
        return (await shell.query(sql)).rowCount ?? 0;
      } finally {
        await shell.end();
      }
    },
  };
}
