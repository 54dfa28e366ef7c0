/** Approvals over crashes, restarts and time, on SQLite. */
import { sqlite } from '../support/database.ts';
import { durableApprovals } from './durable-suite.ts';

durableApprovals(sqlite);
