/** Grams: whatever part of a text is looked for, some look-up finds it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gramsOf, queryGrams, similarity } from '../../../src/domain/grams.ts';

describe('grams', () => {
  test('words give every three characters and their ends; scripts without spaces are runs of their own', () => {
    expect(gramsOf('Tea!')).toEqual(['tea', 'ea', 'a']);
    expect(gramsOf('v2 ＡＢＣ')).toEqual(['v2', '2', 'abc', 'bc', 'c']);
    expect(gramsOf('APIは東京')).toEqual(['api', 'pi', 'i', 'は東京', '東京', '京']);
    expect(queryGrams('東京のAPI')).toEqual([
      { text: '東京', prefix: true },
      { text: '京の', prefix: true },
      { text: 'api', prefix: false },
    ]);
    expect(queryGrams('… — 😀')).toEqual([]);
  });

  test('E57: property: every part of a run that is looked for is found among the grams of the whole', () => {
    const run = fc.oneof(
      fc.stringMatching(/^[a-zéß0-9]{1,12}$/),
      fc.string({
        unit: fc.constantFrom(...'東京都に住む田中さんと猫カタカナ'),
        minLength: 1,
        maxLength: 12,
      }),
    );
    fc.assert(
      fc.property(
        fc.array(run, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        (runs, i, from, size) => {
          const [whole = ''] = [runs[i % runs.length]];
          const characters = [...whole];
          const start = from % characters.length;
          const part = characters.slice(start, start + 1 + (size % (characters.length - start))).join('');
          const indexed = gramsOf(runs.join(' '));
          const wanted = queryGrams(part);
          expect(wanted.length).toBeGreaterThan(0);
          for (const { text, prefix } of wanted)
            expect(indexed.some((gram) => (prefix ? gram.startsWith(text) : gram === text))).toBe(true);
        },
      ),
    );
  });

  test('grams hold nothing that a query language could take for its own, and a long text costs no more', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
        for (const gram of gramsOf(text)) expect(gram).toMatch(/^[\p{L}\p{M}\p{N}ー々]{1,3}$/u);
        expect(queryGrams(text).length).toBeLessThanOrEqual(48);
      }),
    );
  });

  test('likeness is 1 for the same words, 0 for others, and the same both ways', () => {
    expect(similarity('Ana likes tea', 'ana likes TEA.')).toBe(1);
    expect(similarity('tea', 'zoo')).toBe(0);
    expect(similarity('', '')).toBe(0);
    const both = fc.property(fc.string(), fc.string(), (a, b) => similarity(a, b) === similarity(b, a));
    fc.assert(both);
  });
});
