import { sqlite } from '../support/database.ts';
import { canaryRows } from './canary-suite.ts';

canaryRows(sqlite);
