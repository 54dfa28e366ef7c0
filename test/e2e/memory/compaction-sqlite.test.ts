import { sqlite } from '../support/database.ts';
import { compactionRows } from './compaction-suite.ts';

compactionRows(sqlite);
