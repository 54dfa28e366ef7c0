/** Grams: whatever part of a text is looked for, some look-up finds it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gramsOf, queryGrams, relation } from '../../../src/domain/grams.ts';

describe('grams', () => {
  test('words give every three characters and their ends; scripts without spaces are runs of their own', () => {
    expect(gramsOf('Tea!')).toEqual(['tea', 'ea', 'a']);
    expect(gramsOf('v2 ＡＢＣ')).toEqual(['v2', '2', 'abc', 'bc', 'c']);
    expect(gramsOf('APIは東京')).toEqual(['api', 'pi', 'i', 'は東', '東京', '京']);
    expect(queryGrams('東京のAPI')).toEqual([
      { text: '東京', prefix: false },
      { text: '京の', prefix: false },
      { text: 'api', prefix: false },
    ]);
    expect(queryGrams('猫 ab')).toEqual([{ text: '猫', prefix: true }]);
    expect(queryGrams('… — 😀')).toEqual([]);
  });

  test('of a long word every second gram is looked for, and the last; of a long text evenly from all of it', () => {
    expect(queryGrams('quarterly').map(({ text }) => text)).toEqual(['qua', 'art', 'ter', 'rly']);
    expect(queryGrams('budget').map(({ text }) => text)).toEqual(['bud', 'dge', 'get']);
    const words = Array.from({ length: 60 }, (_, i) => String(100 + i));
    const found = queryGrams(words.join(' ')).map(({ text }) => text);
    expect(found).toHaveLength(32);
    expect([found[0], found[16], found[31]]).toEqual(['100', '130', '158']);
    // Among the entries of several owners each gram is looked up as many times.
    expect([2, 3, 9].map((owners) => queryGrams(words.join(' '), owners).length)).toEqual([24, 16, 12]);
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
        expect(queryGrams(text).length).toBeLessThanOrEqual(32);
      }),
    );
  });

  test('texts are the same, one within the other, or different by as little as a word', () => {
    const cases: [string, string, string][] = [
      ['Ana likes tea', 'ana likes TEA.', 'same'],
      ['Ana likes tea', 'Tea, likes Ana, likes!', 'same'],
      ['User prefers dark mode', 'The user prefers dark mode in all apps', 'within'],
      ['Ana likes tea', 'Ana no longer likes tea', 'within'],
      ['Team A meets on Monday', 'Team B meets on Monday', 'different'],
      ['The office is in Kiel', 'The office is in Rome', 'different'],
      ['tea', 'Ana drinks a lot of tea in the afternoon', 'different'],
      ['田中さんは東京に住んでいる', '田中さんは大阪に住んでいる', 'different'],
      ['会議は金曜日', '会議は金曜日です', 'within'],
      ['', '', 'different'],
    ];
    for (const [a, b, expected] of cases) {
      expect([a, b, relation(a, b)]).toEqual([a, b, expected]);
      expect(relation(b, a)).toBe(expected);
    }
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => relation(a, b) === relation(b, a)));
  });
});
