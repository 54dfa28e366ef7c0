/** The day of a moment. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dayOf } from '../../../src/domain/day.ts';

it('is what a date says, whatever was asked before', () => {
  const moment = fc.oneof(fc.integer({ min: -2e8, max: 2e8 }), fc.integer({ min: 0, max: 4e12 }));
  fc.assert(
    fc.property(fc.array(moment, { maxLength: 8 }), (moments) => {
      for (const at of moments) expect(dayOf(at)).toBe(new Date(at).toISOString().slice(0, 10));
    }),
  );
});

it('refuses what is no moment', () => {
  expect(() => dayOf(Number.NaN)).toThrow(RangeError);
});
