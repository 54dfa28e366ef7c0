/** A2: which signed requests of Slack were taken, for all replicas and through restarts. */
import { expect, it } from 'vitest';
import { createTaken } from '../../../../src/channels/slack/taken.ts';
import { createMemoryKeyValue } from '../../../fakes/memory-feed.ts';

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

it('each counts once at whichever replica, is free again when nothing came of it, and is forgotten after its time', async () => {
  const state = createMemoryKeyValue();
  let nowMs = 1_800_000_000_000;
  const clock = { now: () => nowMs, monotonic: () => nowMs };
  const [here, there] = [0, 1].map(() => createTaken({ state, clock, log }));
  if (here === undefined || there === undefined) throw new Error('two were made');
  const request = { timestamp: '1800000000', signature: `v0=${'a'.repeat(64)}` };
  expect(await here.claim(request)).toBe('free');
  // Whoever has it may die with it: Slack is to bring it again, with another signature.
  expect(await there.claim(request)).toBe('open');
  await here.release(request);
  expect(await there.claim(request)).toBe('free');
  await there.done(request);
  expect(await here.claim(request)).toBe('done');
  nowMs += 5 * 60_000;
  expect(await here.claim(request)).toBe('done');
  const key = `taken:${request.timestamp.padStart(12, '0')}:${request.signature}`;
  expect(await state.get(key)).toBe('done');
  nowMs += 6 * 60_000;
  await here.claim({ ...request, timestamp: '1800000660' });
  expect(await state.get(key)).toBeUndefined();
});
