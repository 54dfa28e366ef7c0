/** The approval rows, on SQLite. */
import { sqlite } from '../support/database.ts';
import { approvalRows } from './rows-suite.ts';

approvalRows(sqlite);
