/** F45, P13: no text, however hostile, keeps the parser busy; what is too costly is shown as it is. */
import fc from 'fast-check';
import { Lexer } from 'marked';
import { describe, expect, it } from 'vitest';
import { lexInSlices, lexMarkdown } from '../../../src/channels/markdown.ts';
import { lengthOf, splitMarkdown } from '../../../src/channels/split.ts';
import { createDraftText } from '../../../src/channels/web/draft-text.ts';
import { renderBlocks } from '../../../src/channels/web/format.ts';

const fill = (unit: string, length: number): string => unit.repeat(Math.ceil(length / unit.length));
const isPlain = (text: string): boolean => {
  const tokens = lexMarkdown(text);
  return tokens.length === 1 && JSON.stringify(tokens[0]).includes('"type":"escape"');
};

/** Each of these once took the parser from half a second to minutes, or filled megabytes. */
const tooCostly: readonly (readonly [name: string, text: string])[] = [
  ['emphasis of two kinds', '*a_'.repeat(16_000)],
  ['emphasis that never closes', '_a__'.repeat(16_000)],
  ...['[a', '![a', '](', '<a', '`a``', '~a', '*a', 'a_', '!a', '\\', '&', '@', '.', '[a][', 'www.', '_.'].map(
    (unit) => [`many ${unit}`, fill(unit, 64_000)] as const,
  ),
  ...['[', '!', '(', '> ', '- > ', '1. '].map((unit) => [`nested ${unit}`, fill(unit, 64_000)] as const),
  ['spaces', `a${' '.repeat(64_000)}b`],
  ['markers far apart', `>${' '.repeat(60_000)}>${' '.repeat(60_000)}x`],
  ['lines in one list item', `- a\n${'  b b b b b b b b b b b b b\n'.repeat(4_000)}`],
  ['list items', fill('- a\n', 200_000)],
  ['empty lines', fill('\n', 200_000)],
  [
    'short rows below a wide head',
    `${'|a'.repeat(1_000)}|\n${'|-'.repeat(1_000)}|\n${`${'|b'.repeat(10)}|\n`.repeat(4_000)}`,
  ],
  [
    'a wide table in a quote',
    `> ${'|a'.repeat(1_000)}|\n> ${'|-'.repeat(1_000)}|\n${'> |b|\n'.repeat(1_000)}`,
  ],
  ['a text longer than any message', 'word '.repeat(27_000)],
  ['many wide gaps', `${' '.repeat(400)}b`.repeat(300)],
  ['a paragraph of heads of tables', '"|a|b|\n|-|-|\n'.repeat(850)],
  ['a list item that never ends', '- a\n<b>'.repeat(1_700)],
  ['emphasis inside emphasis', '*a_'.repeat(1_400)],
];

/** Large, and nothing but a long answer. */
const prose: readonly (readonly [name: string, text: string])[] = [
  [
    'paragraphs',
    fill(
      `Use **bold** words, \`code_like_this\` and [links](https://host.example/a_b) in a sentence; it (mostly) works. ${'More words follow. '.repeat(15)}\n\n`,
      120_000,
    ),
  ],
  ['a program', `\`\`\`c\n${fill('int *f(char **a, int n_a) { return &a[n_a] < b; }\n', 120_000)}\`\`\``],
  ['a list', fill('- an item with **some** words in it, and a `name`\n', 100_000)],
  ['a table', `|a|b|c|\n|-|-|-|\n${'|one|two|three|\n'.repeat(1_000)}`],
];

describe('lexMarkdown', () => {
  it('reads a plain line as the parser would', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'word',
        ' ',
        '  ',
        '.',
        '1',
        '1.',
        '12)',
        '- ',
        '+',
        '=',
        '#',
        '!',
        '?',
        '(',
        ')',
        ',',
        "'",
        '"',
      ),
      fc.constantFrom(
        '\u00a0',
        '\u2028',
        '\n',
        '\t',
        ':',
        '@',
        'www.a.b',
        'http://a.b',
        '*',
        '_',
        '`',
        '<b>',
        '&amp;',
        '|',
      ),
      fc.string({ unit: 'grapheme', maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
        const text = pieces.join('').replace(/\r\n?/g, '\n');
        const parsed: readonly object[] = [...new Lexer({ gfm: true, breaks: true }).lex(text)];
        expect([...lexMarkdown(text)]).toEqual(parsed);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each(tooCostly)('F45: shows %s as they are', (_name, text) => {
    expect(isPlain(text)).toBe(true);
    const blocks = renderBlocks(text);
    expect(blocks).toHaveLength(1);
    expect(blocks[0]?.raw).toBe(text);
    // Escaped at worst: six characters for one.
    expect(blocks[0]?.html.length).toBeLessThan(text.length * 6 + 100);
    expect(lexMarkdown(text).map((token) => token.raw)).toEqual([text]);
  });

  it.each(prose)('F45: still formats a long answer: %s', (_name, text) => {
    expect(isPlain(text)).toBe(false);
  });

  it('F45, P13: is done with all of them before anybody waits', { timeout: 20_000 }, () => {
    const units = [
      '# ',
      '#\n',
      '=\n',
      '---\n',
      '```\n',
      '|',
      '&amp;',
      'http://a ',
      'a@b.c ',
      'a  \n',
      '[a]: b\n',
    ];
    const texts = [...tooCostly.map(([, text]) => text), ...units.map((unit) => fill(unit, 200_000))];
    const start = performance.now();
    for (const text of texts) lexMarkdown(text);
    // Only guards against a hang: a single one of them used to take longer than all may now.
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it('F45: a draft that grows into such a text ends as plain text, with nothing lost', () => {
    const draft = createDraftText();
    const delta = '*a_'.repeat(1_000);
    for (let at = 0; at < 60; at++) {
      draft.append(delta);
      draft.blocks();
    }
    expect(draft.blocks()).toEqual([`<p class="plain">${delta.repeat(60)}</p>`]);
  });

  it('F45, P13: splitting lets others have their turn, and measures no more than in proportion', async () => {
    const text = `${'a *b _c `d` e_ f* '.repeat(40)}\n\n`.repeat(60);
    let measured = 0;
    let turns = 0;
    const count = (): void => {
      turns += 1;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const parts = await splitMarkdown(text, {
      limit: 700,
      *measure(part) {
        measured += part.length;
        return JSON.stringify(yield* lexInSlices(part)).length / 20;
      },
    });
    clearImmediate(timer);
    expect(parts.length).toBeGreaterThan(40);
    expect(turns).toBeGreaterThan(2);
    expect(measured).toBeLessThan(32 * text.length);
  });

  it('F45: splitting for a platform loses nothing of it', async () => {
    const text = '*a_'.repeat(16_000);
    const parts = await splitMarkdown(text, { limit: 4_096, measure: lengthOf });
    expect(parts.every((part) => part.length <= 4_096)).toBe(true);
    expect(parts.join('').replaceAll('\\', '')).toBe(text);
  });
});
