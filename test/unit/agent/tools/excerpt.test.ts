import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capOutput, capParts, createCollector, wholeOf } from '../../../../src/agent/tools/excerpt.ts';

describe('what a prompt can hold', () => {
  it('E14 two noisy ones keep beginning and end each, at any length and in any script', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 }), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.integer({ min: 600, max: 2_000 }),
        (words, room) => {
          const parts = words.map((word) => `<${word.repeat(20)}>`);
          const shown = capParts(parts.map(wholeOf), room, 't/1');
          expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(room);
          expect(shown.isWellFormed()).toBe(parts.join('').isWellFormed());
          expect(shown.split('<').length).toBeGreaterThan(parts.length);
          expect(shown.split('>').length).toBeGreaterThan(parts.length);
        },
      ),
    );
  });

  it('E14 keeps within the limit, whole characters only, and counts what it left out', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 50, maxLength: 400 });
    fc.assert(
      fc.property(text, fc.integer({ min: 120, max: 600 }), (whole, limit) => {
        const capped = capOutput(wholeOf(whole), limit, 'r');
        expect(Buffer.byteLength(capped)).toBeLessThanOrEqual(Math.max(limit, 0));
        expect(capped.isWellFormed()).toBe(true);
        if (Buffer.byteLength(whole) <= limit) {
          expect(capped).toBe(whole);
          return;
        }
        const parts =
          /^([\s\S]*)\n\[… (\d+) characters left out; full output: read_output\("r"\)\]\n([\s\S]*)$/.exec(
            capped,
          );
        const [, head = '', count = '', tail = ''] = parts ?? [];
        expect(whole.startsWith(head) && whole.endsWith(tail)).toBe(true);
        expect(head.length + Number(count) + tail.length).toBe(whole.length);
      }),
    );
  });

  it('E14 F29 shows of collected ends what it shows of the whole, whatever pieces it came in', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { maxLength: 20 }),
        fc.integer({ min: 120, max: 600 }),
        (pieces, room) => {
          const collector = createCollector(room);
          for (const piece of pieces) collector.add(piece);
          expect(capOutput(collector.excerpt(), room, 'r')).toBe(
            capOutput(wholeOf(pieces.join('')), room, 'r'),
          );
        },
      ),
    );
  });
});
