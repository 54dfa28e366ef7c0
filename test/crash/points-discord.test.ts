/** Crash points of Discord. */
import { openDiscordStage } from './platforms.ts';
import { crashPoints } from './points-suite.ts';

await crashPoints({ name: 'Discord', open: openDiscordStage, copies: 1 });
