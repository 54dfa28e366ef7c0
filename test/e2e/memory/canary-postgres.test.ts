import { openPostgres } from '../support/database.ts';
import { canaryRows } from './canary-suite.ts';

canaryRows(await openPostgres());
