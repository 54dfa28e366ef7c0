/** Crash points of the web chat on SQLite. */
import { crashPoints } from './points-suite.ts';
import { openWebStage } from './web.ts';

crashPoints({
  name: 'web, SQLite',
  open: (start) => openWebStage('sqlite:data/parley.db', start),
  copies: 1,
});
