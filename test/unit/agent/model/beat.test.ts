import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createBeat } from '../../../../src/agent/model/beat.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout'] }));
afterEach(() => void vi.useRealTimers());

const tick = () => new Promise<void>((resolve) => process.nextTick(resolve));

function answers(count: number) {
  const beat = createBeat();
  const taken: number[] = [];
  const comes = Array.from({ length: count }, (_, index) => {
    beat.begin();
    return () => beat.soon(() => void taken.push(index));
  });
  return { beat, taken, comes };
}

test('a few answers are read as they come, each after what came together with it', async () => {
  const { taken, comes } = answers(15);
  for (const come of comes.slice(0, 2)) come();
  expect(taken).toEqual([]);
  await tick();
  expect(taken).toEqual([0, 1]);
});

test('many are read with the next beat, all of them together', async () => {
  const { taken, comes } = answers(20);
  for (const come of comes.slice(0, 3)) come();
  await tick();
  vi.advanceTimersByTime(11);
  expect(taken).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(taken).toEqual([0, 1, 2]);
});

test('nothing that waits is left behind when the others are over', () => {
  const { beat, taken, comes } = answers(16);
  comes[0]?.();
  for (const _ of comes) beat.end();
  vi.advanceTimersByTime(20);
  expect(taken).toEqual([0]);
});

test('a beat is never longer than people would notice', async () => {
  const { taken, comes } = answers(1_000);
  for (const come of comes) come();
  vi.advanceTimersByTime(60);
  // A few at a time, so that what is done with them lets others in between.
  expect(taken).toHaveLength(16);
  while (taken.length < 1_000) await new Promise((resolve) => setImmediate(resolve));
});
