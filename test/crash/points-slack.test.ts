/** Crash points of Slack, on SQLite. */
import { openSlackStage } from './platforms.ts';
import { crashPoints } from './points-suite.ts';

crashPoints({
  name: 'Slack, SQLite',
  open: (start) => openSlackStage({ storeUrl: 'sqlite:data/parley.db', start }),
  copies: 2,
});
