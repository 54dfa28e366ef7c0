/** The reflection rows on SQLite. */
import { reflectionRows } from './rows-suite.ts';

reflectionRows('SQLite', async () => 'sqlite:data/parley.db');
