/** Crash points of Telegram. */
import { openTelegramStage } from './platforms.ts';
import { crashPoints } from './points-suite.ts';

await crashPoints({ name: 'Telegram', open: openTelegramStage, copies: 2 });
