/** Approvals over crashes, restarts and time, on PostgreSQL. */
import { openPostgres } from '../support/database.ts';
import { durableApprovals } from './durable-suite.ts';

durableApprovals(await openPostgres());
