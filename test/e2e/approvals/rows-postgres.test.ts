/** The approval rows, on PostgreSQL. */
import { openPostgres } from '../support/database.ts';
import { approvalRows } from './rows-suite.ts';

approvalRows(await openPostgres());
