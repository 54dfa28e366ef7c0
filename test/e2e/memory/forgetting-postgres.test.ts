import { openPostgres } from '../support/database.ts';
import { forgettingRows } from './forgetting-suite.ts';

forgettingRows(await openPostgres());
