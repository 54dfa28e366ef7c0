/** Crash points of Slack. */
import { openSlackStage } from './platforms.ts';
import { crashPoints } from './points-suite.ts';

await crashPoints({ name: 'Slack', open: openSlackStage, copies: 2 });
