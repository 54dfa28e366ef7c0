/** The reflection rows on PostgreSQL. */
import { afterAll } from 'vitest';
import { startPostgres } from '../../contract/store/postgres.ts';
import { reflectionRows } from './rows-suite.ts';

const postgres = await startPostgres();
afterAll(() => postgres.stop());

reflectionRows('PostgreSQL', () => postgres.createDatabase());
