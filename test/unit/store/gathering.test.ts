import { describe, expect, it } from 'vitest';
import { createGathering } from '../../../src/store/gathering.ts';

/** A process of which the event loop works `share` of the time, except while it pauses to gather. */
function processOf(initialShare: number, most = 256) {
  let share = initialShare;
  let now = 0;
  let active = 0;
  let waiting = 0;
  let arriving = 0;
  const gathering = createGathering(
    {
      now: () => now,
      utilization: () => ({ active, idle: now - active }),
      async pause(ms) {
        now += ms;
        waiting += arriving;
      },
    },
    most,
  );
  return {
    works(from: number): void {
      share = from;
    },
    pass(ms: number): void {
      now += ms;
      active += ms * share;
    },
    /** @param size of a batch that comes to wait, @param more that come in each pause @returns ms waited */
    async batch(size: number, more = 0): Promise<number> {
      waiting = size;
      arriving = more;
      const from = now;
      await gathering.wait(() => waiting);
      gathering.took(waiting);
      return now - from;
    },
    took: (size: number) => gathering.took(size),
  };
}

describe('the gathering before a commit', () => {
  it('never keeps one writer alone', async () => {
    for (const share of [0.1, 0.9]) {
      const subject = processOf(share);
      for (let i = 0; i < 10; i++) {
        expect(await subject.batch(1)).toBe(0);
        subject.pass(3);
      }
    }
  });

  it('goes on while a burst does, where there is time to spare', async () => {
    const subject = processOf(0.1);
    subject.pass(1_500);
    await subject.batch(50);
    expect(await subject.batch(1, 2)).toBe(40);
    expect(await subject.batch(50)).toBe(5);
    subject.pass(900);
    expect(await subject.batch(1, 2)).toBe(40);
  });

  it('is short in a process that is busy, and as long as the last batch was large', async () => {
    const subject = processOf(0.9);
    subject.pass(1_500);
    await subject.batch(50);
    expect(await subject.batch(5, 2)).toBe(5);
    await subject.batch(2);
    expect(await subject.batch(5, 2)).toBe(0);
  });

  it('does not take its own pauses for time to spare', async () => {
    const subject = processOf(1);
    subject.pass(1_500);
    let waited = 0;
    // Fifty that wait for each other: all are there, and the loop rests while they are kept.
    for (let i = 0; i < 1_000; i++) {
      waited = await subject.batch(50, 1);
      subject.pass(4);
    }
    expect(waited).toBe(5);
  });

  it('keeps somebody alone for one step at most after a burst, and not at all a second later', async () => {
    const subject = processOf(0.1);
    subject.pass(1_500);
    await subject.batch(200);
    expect(await subject.batch(1)).toBe(5);
    subject.pass(1_000);
    expect(await subject.batch(1)).toBe(0);
  });

  it('counts a process as busy of which it has not seen anything lately', async () => {
    const subject = processOf(0);
    subject.pass(3_600_000);
    subject.works(1);
    for (let i = 0; i < 40; i++) {
      await subject.batch(50, 2);
      subject.pass(50);
      expect(await subject.batch(1, 2)).toBe(5);
      subject.pass(50);
    }
  });

  it('ends when the batch is full, and does not count what nobody waits for', async () => {
    const subject = processOf(0.1, 60);
    subject.pass(1_500);
    await subject.batch(50);
    expect(await subject.batch(50, 3)).toBe(20);
    subject.took(0);
    expect(await subject.batch(60, 3)).toBe(0);
  });
});
