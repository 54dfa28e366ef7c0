import { sqlite } from '../support/database.ts';
import { forgettingRows } from './forgetting-suite.ts';

forgettingRows(sqlite);
