import { openPostgres } from '../support/database.ts';
import { compactionRows } from './compaction-suite.ts';

compactionRows(await openPostgres());
