/** Random kills of a gateway with all channels, on SQLite. */
import { sqlite } from '../e2e/support/database.ts';
import { randomKills } from './random-kills-suite.ts';

randomKills(sqlite);
