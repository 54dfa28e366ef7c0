/** Crash points of the web chat on PostgreSQL. */
import { afterAll } from 'vitest';
import { startPostgres } from '../contract/store/postgres.ts';
import { crashPoints } from './points-suite.ts';
import { openWebStage } from './web.ts';

const postgres = await startPostgres();
afterAll(() => postgres.stop());

crashPoints({
  name: 'web, PostgreSQL',
  open: async (start) => openWebStage(await postgres.createDatabase(), start),
  copies: 1,
});
