/** The state machine of approvals on both stores. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { openStore } from '../../../src/store/open.ts';
import { startPostgres, type TestPostgres } from '../store/postgres.ts';
import { silent } from '../store/support.ts';
import { describeMachine } from './approvals-machine.ts';

describe('approvals on SQLite', () => {
  describeMachine(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'parley-machine-'));
    const url = `sqlite:${join(folder, 'parley.db')}`;
    return {
      open: () => openStore({ url, log: silent }),
      remove: () => rm(folder, { recursive: true }),
    };
  }, 60);
});

describe('approvals on PostgreSQL', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  describeMachine(async () => {
    const url = await server.createDatabase();
    return { open: () => openStore({ url, log: silent }), remove: async () => {} };
  }, 15);
});
