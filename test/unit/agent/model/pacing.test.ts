import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPacing } from '../../../../src/agent/model/pacing.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function answers(count: number) {
  const pacing = createPacing();
  const gone: number[] = [];
  const rests = Array.from({ length: count }, (_, index) => {
    pacing.begin();
    return () => pacing.rest(() => void gone.push(index));
  });
  return { pacing, gone, rests };
}

test('with a few answers none rests', () => {
  const { gone, rests } = answers(15);
  for (const rest of rests.slice(0, 2)) rest();
  expect(gone).toEqual([0, 1]);
});

test('with many each rests the longer the more there are', () => {
  const { gone, rests } = answers(50);
  rests[0]?.();
  vi.advanceTimersByTime(9);
  expect(gone).toEqual([]);
  vi.advanceTimersByTime(6);
  expect(gone).toEqual([0]);
});

test('those that began to rest at other moments go on at other moments', () => {
  const { gone, rests } = answers(50);
  rests[0]?.();
  vi.advanceTimersByTime(6);
  rests[1]?.();
  rests[2]?.();
  vi.advanceTimersByTime(9);
  expect(gone).toEqual([0]);
  vi.advanceTimersByTime(6);
  expect(gone).toEqual([0, 1, 2]);
});

test('nothing that rests is left behind when the others are over', () => {
  const { pacing, gone, rests } = answers(16);
  rests[0]?.();
  for (const _ of rests) pacing.end();
  vi.advanceTimersByTime(20);
  expect(gone).toEqual([0]);
});

test('a rest is never longer than people would notice', async () => {
  const { gone, rests } = answers(1_000);
  for (const rest of rests) rest();
  vi.advanceTimersByTime(65);
  // A few at a time, so that what is done with them lets others in between.
  expect(gone).toHaveLength(16);
  while (gone.length < 1_000) await new Promise((resolve) => setImmediate(resolve));
});
