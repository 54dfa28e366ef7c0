/** Approvals over crashes, restarts and time, on SQLite. */
import { sqlite } from './database.ts';
import { durableApprovals } from './durable-suite.ts';

durableApprovals(sqlite);
