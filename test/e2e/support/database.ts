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
  /** What a query finds on it; whole numbers come as numbers. */
  rows<T>(folder: string, sql: string): Promise<T[]>;
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
  async rows<T>(folder: string, sql: string) {
    const shell = new Database(join(folder, 'data/parley.db'), { readonly: true });
    try {
      return shell.prepare<[], T>(sql).all();
    } finally {
      shell.close();
    }
  },
};

/** `bigint` as numbers: a test counts no further. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
};

export async function openPostgres(): Promise<TestDatabase> {
  const server = await startPostgres();
  afterAll(() => server.stop());
  let latest = '';
  async function query(sql: string): Promise<pg.QueryResult> {
    const shell = new pg.Client({ connectionString: latest, types });
    await shell.connect();
    try {
      return await shell.query(sql);
    } finally {
      await shell.end();
    }
  }
  return {
    name: 'PostgreSQL',
    async url() {
      latest = await server.createDatabase();
      return latest;
    },
    run: async (_folder, sql) => (await query(sql)).rowCount ?? 0,
    rows: async <T>(_folder: string, sql: string) => (await query(sql)).rows as T[],
  };
}
