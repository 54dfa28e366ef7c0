/** What fits into a prompt. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { estimateTokens, latestWithin, tokensOf } from '../../../src/agent/history.ts';
import type { HistoryEntry } from '../../../src/domain/session-store.ts';
import { message } from '../../contract/store/support.ts';

const entry = (ordinal: number, text: string): HistoryEntry => ({
  turnId: `t${ordinal}`,
  ordinal,
  status: 'done',
  input: message(`m${ordinal}`, 'c', text),
  answer: 'ok',
});

describe('what fits', () => {
  test('a token is about four Latin characters, and one of a script in which each says a word', () => {
    expect(estimateTokens('four words of text')).toBe(5);
    expect(estimateTokens('東京の天気')).toBe(5);
    expect(estimateTokens('')).toBe(0);
  });

  test('files and quotes count', () => {
    const plain = entry(1, 'hi');
    const file = { name: 'a', mimeType: 'text/plain', sizeBytes: 4_000, text: 'x'.repeat(4_000) };
    const full = {
      ...plain,
      input: { ...plain.input, attachments: [file], quoted: [{ from: 'Bo', text: 'y'.repeat(400) }] },
    };
    expect(tokensOf(full) - tokensOf(plain)).toBe(1_100);
  });

  test('the newest entries that fit are kept, without a gap, and one more would not fit', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 20 }), fc.nat(1_000), (sizes, tokens) => {
        const history = sizes.map((size, i) => entry(i, 'x'.repeat(size)));
        const kept = latestWithin(history, tokens);
        const sum = (entries: readonly HistoryEntry[]) =>
          entries.reduce((all, one) => all + tokensOf(one), 0);
        expect(kept).toEqual(history.slice(history.length - kept.length));
        expect(sum(kept)).toBeLessThanOrEqual(tokens);
        if (kept.length < history.length)
          expect(sum(history.slice(history.length - kept.length - 1))).toBeGreaterThan(tokens);
      }),
    );
  });
});
