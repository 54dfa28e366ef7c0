/** Crash points of Discord, on PostgreSQL. */
import { afterAll } from 'vitest';
import { startPostgres } from '../contract/store/postgres.ts';
import { openDiscordStage } from './platforms.ts';
import { crashPoints } from './points-suite.ts';

const postgres = await startPostgres();
afterAll(() => postgres.stop());

crashPoints({
  name: 'Discord, PostgreSQL',
  open: async (start) => openDiscordStage({ storeUrl: await postgres.createDatabase(), start }),
  copies: 1,
});
