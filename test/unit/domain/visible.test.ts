import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasInvisible, mixedScripts, showInvisible } from '../../../src/domain/visible.ts';

describe('showInvisible', () => {
  it.each([
    ['a right-to-left override', 'rm \u202etxt.exe', 'rm \\u{202E}txt.exe'],
    ['a zero-width space', 'r\u200bm', 'r\\u{200B}m'],
    ['an escape sequence', '\u001b[2Jls', '\\u{001B}[2Jls'],
    ['a carriage return', 'rm x\rls', 'rm x\\u{000D}ls'],
    ['a no-break space', 'ls\u00a0x', 'ls\\u{00A0}x'],
    ['a tag character', 'ls\u{e0041}', 'ls\\u{E0041}'],
    ['a variation selector', 'a\ufe0f', 'a\\u{FE0F}'],
    ['a Hangul filler', 'a\u3164', 'a\\u{3164}'],
    ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
    ['a lone surrogate', 'a\ud800', 'a\\u{D800}'],
  ])('A9 spells out %s', (_name, text, shown) => {
    expect(showInvisible(text)).toBe(shown);
    expect(hasInvisible(text)).toBe(true);
  });

  it('A9 keeps what can be seen: lines, tabs, accents, Japanese, emoji', () => {
    for (const text of ['a\n\tb', 'naïve', '日本語のコマンド', 'done 🎉']) {
      expect(showInvisible(text)).toBe(text);
      expect(hasInvisible(text)).toBe(false);
    }
  });

  it('A9 leaves nothing invisible behind, and showing twice changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = showInvisible(text);
        expect(showInvisible(shown)).toBe(shown);
      }),
    );
  });
});

describe('mixedScripts', () => {
  it('A9 names the words that mix look-alike alphabets, once each', () => {
    expect(mixedScripts('curl pаypal.com pаypal.com')).toEqual(['pаypal']);
  });

  it('A9 says nothing about whole words of one alphabet or Japanese with Latin', () => {
    expect(mixedScripts('привет hello Ελλάδα 東京tower カタカナ')).toEqual([]);
  });
});
