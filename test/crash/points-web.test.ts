/** Crash points of the web chat. */
import { crashPoints } from './points-suite.ts';
import { openWebStage } from './web.ts';

await crashPoints({ name: 'web', open: openWebStage, copies: 1 });
