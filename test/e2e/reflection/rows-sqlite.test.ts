/** The reflection rows on SQLite. */
import { sqlite } from '../support/database.ts';
import { reflectionRows } from './rows-suite.ts';

reflectionRows(sqlite);
