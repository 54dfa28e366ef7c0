/** The reflection rows on PostgreSQL. */
import { openPostgres } from '../support/database.ts';
import { reflectionRows } from './rows-suite.ts';

reflectionRows(await openPostgres());
