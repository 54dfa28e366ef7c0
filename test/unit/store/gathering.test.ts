import { describe, expect, it } from 'vitest';
import { createGathering } from '../../../src/store/gathering.ts';

/** A process of which the event loop works `share` of the time. */
function processOf(share: number) {
  let now = 0;
  let active = 0;
  const gathering = createGathering({
    now: () => now,
    utilization: (before) => {
      const worked = active - (before?.active ?? 0);
      const rested = now - active - (before?.idle ?? 0);
      return { active: worked, idle: rested, utilization: worked / (worked + rested || 1) };
    },
  });
  return {
    gathering,
    share,
    pass(ms: number): void {
      now += ms;
      active += ms * this.share;
    },
  };
}

describe('the gathering before a commit', () => {
  it('never keeps one writer alone', () => {
    const subject = processOf(0.1);
    expect(subject.gathering.ms()).toBe(0);
    for (let i = 0; i < 10; i++) {
      subject.gathering.took(1);
      expect(subject.gathering.ms()).toBe(0);
      subject.pass(3);
    }
  });

  it('is longer in a process that has time to spare', () => {
    for (const [share, longest] of [
      [0.1, 40],
      [0.9, 5],
    ] as const) {
      const subject = processOf(share);
      subject.pass(500);
      subject.gathering.took(4);
      expect(subject.gathering.ms()).toBe(share < 0.5 ? 3 : 1.5);
      subject.gathering.took(200);
      expect(subject.gathering.ms()).toBe(longest);
    }
  });

  it('remembers a burst over a small batch, and forgets it in a rest', () => {
    const subject = processOf(0.1);
    subject.pass(500);
    subject.gathering.took(50);
    subject.gathering.took(1);
    expect(subject.gathering.ms()).toBeCloseTo(39);
    for (let i = 0; i < 30; i++) subject.gathering.took(1);
    expect(subject.gathering.ms()).toBeLessThan(1);
    subject.gathering.took(50);
    subject.pass(101);
    expect(subject.gathering.ms()).toBe(0);
  });

  it('sees within two seconds that there is no time to spare any more', () => {
    const subject = processOf(0.1);
    subject.pass(60_000);
    subject.share = 1;
    let waited = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 43; i++) {
      subject.pass(50);
      subject.gathering.took(50);
      waited = subject.gathering.ms();
    }
    expect(waited).toBe(5);
  });
});
