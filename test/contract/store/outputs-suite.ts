/** The contract of outputs: stored in parts, read anywhere, and only by who holds the turn written. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClaimedTurn, Store } from '../../../src/store/store.ts';
import {
  accept,
  type Backend,
  claimOne,
  finish,
  type OpenBackend,
  outputOf,
  skipped,
  writeOf,
} from './support.ts';

/** Two UTF-16 units each, from an odd place on: a cut after an even number of units would divide one. */
const PAIRS = `x${'😀'.repeat(400_000)}`;

export function describeOutputs(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  let held: ClaimedTurn;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
    await accept(store, 'm1');
    held = await claimOne(store);
  });
  afterEach(() => backend.close());

  const keep = (start: number, text: string, index = 1) =>
    store.outputs.keep({ turnId: held.turn.id, fence: held.turn.fence, index, start, text });
  const read = (start: number, length: number) => store.outputs.read(held.turn.id, 1, { start, length });

  describe('outputs', () => {
    test('E14, F29: any range of an output in many pieces is what the whole has there', async () => {
      const text = Array.from({ length: 120_000 }, (_, index) => `line ${index} äöü\n`).join('');
      const cuts = [0, 1, 300_000, 300_001, 1_000_000, text.length];
      for (const [index, start] of cuts.slice(0, -1).entries())
        await keep(start, text.slice(start, cuts[index + 1]));
      expect(await outputOf(store, held)).toBe(text);
      const place = fc.oneof(
        fc.nat({ max: text.length + 10 }),
        fc.constantFrom(...cuts.flatMap((at) => [at - 1, at, at + 1].filter((one) => one >= 0))),
        // Where a long part is divided.
        fc.constantFrom(262_144, 262_145, 562_145, 1_262_144),
      );
      await fc.assert(
        fc.asyncProperty(place, fc.nat({ max: 600_000 }), async (start, length) => {
          expect(await read(start, length)).toEqual({
            text: text.slice(start, start + length),
            total: text.length,
          });
        }),
        { numRuns: 50 },
      );
    });

    test('E13, F29: a character is never divided between pieces', async () => {
      await keep(0, PAIRS);
      await store.turns.append(
        writeOf(held, { events: [skipped(2)], outputs: [{ index: 2, start: 0, text: PAIRS }] }),
      );
      expect(await outputOf(store, held)).toBe(PAIRS);
      const second = await store.outputs.read(held.turn.id, 2, { start: 0, length: PAIRS.length });
      expect(second).toEqual({ text: PAIRS, total: PAIRS.length });
      // The store hands out units as they are asked for; whoever shows them looks for whole characters.
      expect((await read(262_143, 4))?.text).toBe(PAIRS.slice(262_143, 262_147));
    });

    test('E14: what comes while it runs and what comes at its end are one output', async () => {
      await keep(0, 'first ');
      await store.turns.append(
        writeOf(held, { events: [skipped(1)], outputs: [{ index: 1, start: 6, text: 'last' }] }),
      );
      expect(await read(0, 100)).toEqual({ text: 'first last', total: 10 });
      expect(await read(4, 3)).toEqual({ text: 't l', total: 10 });
      expect(await read(10, 5)).toEqual({ text: '', total: 10 });
      expect(await store.outputs.read(held.turn.id, 2, { start: 0, length: 5 })).toBeUndefined();
    });

    test('E14: places that no output has are empty, and actions that no turn has have none', async () => {
      await keep(0, 'said');
      for (const start of [4, 2 ** 31 - 1, 2 ** 31, Number.MAX_SAFE_INTEGER])
        expect(await read(start, 50_002)).toEqual({ text: '', total: 4 });
      expect(await read(0, Number.MAX_SAFE_INTEGER)).toEqual({ text: 'said', total: 4 });
      for (const index of [-1, 0.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY])
        expect(await store.outputs.read(held.turn.id, index, { start: 0, length: 9 })).toBeUndefined();
    });

    test('E14, F5: a second run begins with nothing, however much the first one said', async () => {
      await keep(0, 'x'.repeat(700_000));
      await keep(700_000, 'the end of the first');
      await keep(0, 'other', 2);
      await keep(0, 'again');
      expect(await read(0, 100)).toEqual({ text: 'again', total: 5 });
      await keep(0, '');
      expect(await read(0, 100)).toBeUndefined();
      // That of another action is untouched.
      expect((await store.outputs.read(held.turn.id, 2, { start: 0, length: 9 }))?.text).toBe('other');
    });

    test('F41: one who no longer holds the turn stores nothing, nor does one whose turn has ended', async () => {
      const stale = { code: 'store.stale_write', details: { reason: 'fence' } };
      await keep(0, 'mine');
      const taken = await claimOne(store, 2_000_000);
      expect(taken.turn.id).toBe(held.turn.id);
      await expect(keep(0, 'too late')).rejects.toMatchObject(stale);
      held = taken;
      await keep(4, ' and mine again');
      await finish(store, held);
      await expect(keep(0, 'after the end')).rejects.toMatchObject(stale);
      expect((await read(0, 100))?.text).toBe('mine and mine again');
    });
  });
}
