/** Random kills of a gateway with all channels, on PostgreSQL. */
import { openPostgres } from '../e2e/support/database.ts';
import { randomKills } from './random-kills-suite.ts';

randomKills(await openPostgres());
