/** The clock that leases and deadlines go by (F33). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSteadyClock } from '../../../src/domain/steady-clock.ts';

const HOUR = 3_600_000;
const START = 1_800_000_000_000;

function machine() {
  let elapsed = 0;
  let offset = 0;
  return {
    pass: (ms: number) => {
      elapsed += ms;
    },
    set: (ms: number) => {
      offset += ms;
    },
    offset: () => offset,
    now: () => START + elapsed + offset,
    monotonic: () => elapsed,
  };
}

describe('a machine whose clock is set', () => {
  it('F33: by an hour, either way: no duration changes by more than a quarter, and none is negative', () => {
    const steps = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 60_000 }), fc.constantFrom(0, 0, -HOUR, HOUR)),
      {
        maxLength: 50,
      },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const from = machine();
        const clock = createSteadyClock(from);
        let before = clock.now();
        for (const [pass, set] of all) {
          if (Math.abs(from.offset() + set) <= HOUR) from.set(set);
          from.pass(pass);
          const now = clock.now();
          expect(now - before).toBeGreaterThanOrEqual(pass * 0.75 - 1);
          expect(now - before).toBeLessThanOrEqual(pass * 1.25 + 1);
          before = now;
        }
      }),
    );
  });

  it.each([HOUR, -HOUR])('F33: by %d ms, it has caught up after four hours', (set) => {
    const from = machine();
    const clock = createSteadyClock(from);
    from.set(set);
    for (let i = 0; i < 241; i++) {
      from.pass(60_000);
      clock.now();
    }
    expect(Math.abs(clock.now() - from.now())).toBeLessThanOrEqual(1);
  });

  it('F33: one that had no idea of the time, or slept, is believed at once', () => {
    const from = machine();
    const clock = createSteadyClock(from);
    from.set(72 * HOUR);
    expect(clock.now()).toBe(from.now());
  });
});
