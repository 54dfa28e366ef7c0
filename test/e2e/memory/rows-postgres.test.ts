/** The memory rows on PostgreSQL. */
import { afterAll } from 'vitest';
import { startPostgres } from '../../contract/store/postgres.ts';
import { memoryRows } from './rows-suite.ts';

const postgres = await startPostgres();
afterAll(() => postgres.stop());

memoryRows('PostgreSQL', () => postgres.createDatabase());
