import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createBeat } from '../../../../src/agent/model/beat.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout'] }));
afterEach(() => void vi.useRealTimers());

const tick = () => new Promise<void>((resolve) => process.nextTick(resolve));

function answers(count: number) {
  const beat = createBeat();
  const log: string[] = [];
  const made = Array.from({ length: count }, (_, index) => {
    beat.begin();
    return { pause: () => void log.push(`pause ${index}`), resume: () => void log.push(`resume ${index}`) };
  });
  return { beat, log, made };
}

test('a few answers are read as they come', async () => {
  const { beat, log, made } = answers(15);
  for (const answer of made) beat.rest(answer);
  vi.runAllTimers();
  await tick();
  expect(log).toEqual([]);
});

test('of many, what comes after the first piece is read with the next beat, all of them together', async () => {
  const { beat, log, made } = answers(20);
  for (const answer of made.slice(0, 2)) beat.rest(answer);
  // The rest of what was read together comes first.
  expect(log).toEqual([]);
  await tick();
  for (const answer of made.slice(0, 3)) beat.rest(answer);
  await tick();
  expect(log).toEqual(['pause 0', 'pause 1', 'pause 2']);
  vi.advanceTimersByTime(3);
  expect(log).toHaveLength(3);
  vi.advanceTimersByTime(1);
  expect(log.slice(3)).toEqual(['resume 0', 'resume 1', 'resume 2']);
});

test('nothing that rests is left behind when the others are over', async () => {
  const { beat, log, made } = answers(16);
  const [first] = made;
  if (first === undefined) throw new Error('there are answers');
  beat.rest(first);
  await tick();
  for (const _ of made) beat.end();
  vi.advanceTimersByTime(20);
  expect(log).toEqual(['pause 0', 'resume 0']);
});

test('a beat is never longer than people would notice', async () => {
  const { beat, log, made } = answers(1_000);
  for (const answer of made) beat.rest(answer);
  await tick();
  vi.advanceTimersByTime(20);
  const goneOn = () => log.filter((line) => line.startsWith('resume')).length;
  // A few at a time, so that what is done with them lets others in between.
  expect(goneOn()).toBe(16);
  while (goneOn() < 1_000) await new Promise((resolve) => setImmediate(resolve));
});
