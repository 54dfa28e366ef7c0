/** Secrets in what a model is asked and in what it says, also in pieces (P10, A39). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createArriving } from '../../../../src/agent/model/redacting.ts';
import { createRedact } from '../../../../src/runtime/redact.ts';

const SECRET = 'sk-canary-0123456789abcdef';
const redact = createRedact(() => [SECRET]);

function arrive(pieces: readonly string[]): string {
  let shown = '';
  const arriving = createArriving(redact, (text) => {
    shown += text;
  });
  for (const piece of pieces) arriving.add(piece);
  arriving.end();
  return shown;
}

const cut = (text: string, lengths: readonly number[]): string[] => {
  const pieces: string[] = [];
  let from = 0;
  for (const length of lengths) {
    pieces.push(text.slice(from, from + length));
    from += length;
  }
  return [...pieces, text.slice(from)];
};

const lengths = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 20 });

describe('text as it arrives', () => {
  it('P10, A39: shows no secret, however it is cut, in whatever form it is written', () => {
    const form = fc.constantFrom(
      SECRET,
      Buffer.from(SECRET).toString('base64'),
      Buffer.from(SECRET).toString('hex'),
      encodeURIComponent(SECRET),
    );
    const around = fc.constantFrom('', ' ', 'key=', 'The key is ', '鍵は', '\n');
    fc.assert(
      fc.property(around, form, around, lengths, (before, secret, after, at) => {
        const shown = arrive(cut(`${before}${secret}${after}`, at));
        expect(shown).not.toContain(secret.slice(0, 9));
        expect(shown).toContain('[redacted]');
      }),
    );
  });

  it('loses and changes nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), lengths, (text, at) => {
        expect(arrive(cut(text, at))).toBe(text);
      }),
    );
  });

  it('shows a first short word at once', () => {
    let shown = '';
    const arriving = createArriving(redact, (text) => {
      shown += text;
    });
    arriving.add('Hello');
    expect(shown).toBe('Hello');
  });

  it('property: all is shown at once but for what follows the beginning of the last word', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', 'ü', 'long-word'), maxLength: 60 });
    fc.assert(
      fc.property(text, lengths, (said, cuts) => {
        let shown = '';
        const arriving = createArriving(redact, (more) => {
          shown += more;
        });
        let come = '';
        for (const piece of cut(said, cuts)) {
          arriving.add(piece);
          come += piece;
          const [word = ''] = /[\x21-\x7e]*$/.exec(come) ?? [];
          expect(shown).toBe(come.slice(0, come.length - Math.max(0, word.length - 7)));
        }
        arriving.end();
        expect(shown).toBe(said);
      }),
    );
  });
});
