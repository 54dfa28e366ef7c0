/** The approval rows, on PostgreSQL. */
import { openPostgres } from './database.ts';
import { approvalRows } from './rows-suite.ts';

approvalRows(await openPostgres());
