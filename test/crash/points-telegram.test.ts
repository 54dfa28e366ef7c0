/** Crash points of Telegram, on SQLite. */
import { openTelegramStage } from './platforms.ts';
import { crashPoints } from './points-suite.ts';

crashPoints({
  name: 'Telegram, SQLite',
  open: (start) => openTelegramStage({ storeUrl: 'sqlite:data/parley.db', start }),
  copies: 2,
});
