/** The memory rows on SQLite. */
import { memoryRows } from './rows-suite.ts';

memoryRows('SQLite', async () => 'sqlite:data/parley.db');
