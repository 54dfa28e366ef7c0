import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unifiedDiff } from '../../../../../src/agent/tools/files/diff.ts';

/** Applies a unified diff the way `patch` does, by line numbers alone. */
function apply(before: string, diff: string): string {
  const source = before === '' ? [] : before.split(/(?<=\n)/);
  const lines = diff
    .replaceAll('\n\\ No newline at end of file\n', '\uf8ff')
    .split(/(?<=[\n\uf8ff])/)
    .slice(2);
  const result: string[] = [];
  let at = 0;
  for (const line of lines) {
    const hunk = /^@@ -(\d+),(\d+) /.exec(line);
    const body = line.slice(1).replace('\uf8ff', '');
    if (hunk !== null) {
      const start = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1);
      result.push(...source.slice(at, start));
      at = start;
    } else if (line[0] === '+') {
      result.push(body);
    } else {
      expect(source[at]).toBe(body);
      if (line[0] === ' ') result.push(body);
      at += 1;
    }
  }
  return [...result, ...source.slice(at)].join('');
}

const text = fc
  .tuple(
    fc.array(fc.constantFrom('a', 'b', 'c', '', '-x', '+y', '@@ z', '日本'), { maxLength: 30 }),
    fc.boolean(),
  )
  .map(([lines, ends]) => lines.join('\n') + (ends && lines.length > 0 ? '\n' : ''));

describe('unifiedDiff', () => {
  it('A8 turns the old text into exactly the new one', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const diff = unifiedDiff('f', before, after);
        if (diff === '') expect(before).toBe(after);
        else expect(apply(before, diff)).toBe(after);
      }),
      { numRuns: 500 },
    );
  });

  it('A8 shows that a final line feed is missing', () => {
    expect(unifiedDiff('f', 'a\n', 'a')).toBe(
      '--- f\n+++ f\n@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of file\n',
    );
  });

  it('leaves out what does not change', () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}\n`);
    const diff = unifiedDiff('f', lines.join(''), lines.with(50, 'new\n').join(''));
    expect(diff.split('\n').filter((line) => line !== '')).toHaveLength(2 + 1 + 3 + 2 + 3);
    expect(diff).toContain('@@ -48,7 +48,7 @@');
  });

  it('is quick and exact for two large files that have nothing in common', () => {
    const make = (word: string) =>
      Array.from({ length: 20_000 }, (_, index) => `${word} ${index}\n`).join('');
    expect(apply(make('a'), unifiedDiff('f', make('a'), make('b')))).toBe(make('b'));
  });
});
