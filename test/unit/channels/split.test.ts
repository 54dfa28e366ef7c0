/** Splitting loses nothing and never makes an illegal part (issue 2, "lossless"; F9 counts on stable parts). */
import fc from 'fast-check';
import { Lexer, type Token } from 'marked';
import { describe, expect, it } from 'vitest';
import { lengthOf, splitAndRender, splitMarkdown } from '../../../src/channels/split.ts';

const split = (text: string, limit: number): Promise<string[]> =>
  splitMarkdown(text, { limit, measure: lengthOf });

/** What a reader sees, without the white space that a cut may swallow. */
function visible(markdown: string): string {
  const walk = (tokens: readonly Token[]): string =>
    tokens
      .map((token) => {
        if (token.type === 'table')
          return [...token.header, ...token.rows.flat()]
            .map((cell: { tokens: Token[] }) => walk(cell.tokens))
            .join('');
        if (token.type === 'list')
          return token.items.map((item: { tokens: Token[] }) => walk(item.tokens)).join('');
        if ('tokens' in token && token.tokens !== undefined) return walk(token.tokens);
        return 'text' in token ? String(token.text) : '';
      })
      .join('');
  return walk(new Lexer({ gfm: true, breaks: true }).lex(markdown)).replace(/\s/g, '');
}

const word = fc.constantFrom(
  'alpha',
  'beta',
  'gamma,',
  'delta.',
  '日本語',
  '👩‍👩‍👧',
  'e\u0301',
  'x < y & z',
  '1986',
);
const sentence = fc.array(word, { minLength: 1, maxLength: 40 }).map((words) => words.join(' '));
const inline = fc.oneof(
  { weight: 6, arbitrary: sentence },
  sentence.map((text) => `**${text}**`),
  sentence.map((text) => `*${text}*`),
  sentence.map((text) => `\`${text}\``),
  sentence.map((text) => `[${text}](https://host.example/path)`),
);
const paragraph = fc.array(inline, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(' '));
const block = fc.oneof(
  { weight: 4, arbitrary: paragraph },
  sentence.map((text) => `## ${text}`),
  fc.array(sentence, { minLength: 1, maxLength: 30 }).map((lines) => `\`\`\`ts\n${lines.join('\n')}\n\`\`\``),
  fc
    .array(paragraph, { minLength: 1, maxLength: 12 })
    .map((items) => items.map((one) => `- ${one}`).join('\n')),
  fc
    .array(paragraph, { minLength: 1, maxLength: 12 })
    .map((items) => items.map((one, at) => `${at + 1}. ${one}`).join('\n')),
  paragraph.map((text) => `> ${text}`),
);
const document = fc.array(block, { minLength: 1, maxLength: 25 }).map((blocks) => blocks.join('\n\n'));

describe('splitMarkdown', () => {
  it('keeps every visible character, in order, in legal parts', async () => {
    await fc.assert(
      fc.asyncProperty(document, fc.integer({ min: 120, max: 2_000 }), async (text, limit) => {
        const parts = await split(text, limit);
        expect(parts.every((part) => part.length <= limit && part.trim() !== '')).toBe(true);
        expect(parts.map(visible).join('')).toBe(visible(text));
      }),
      { numRuns: 150 },
    );
  });

  it('survives any text at all, at any limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 400 }),
        fc.integer({ min: 30, max: 200 }),
        async (text, limit) => {
          for (const part of await split(text, limit)) expect(part.length).toBeLessThanOrEqual(limit);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('round-trips 100 KB at the limit of Telegram', async () => {
    const [sample = ''] = fc.sample(document, { seed: 7, numRuns: 1 });
    let text = '';
    while (text.length < 100_000) text += `${sample}\n\nand then some\n\n`;
    const parts = await split(text, 4096);
    expect(parts.every((part) => part.length <= 4096)).toBe(true);
    expect(parts.map(visible).join('')).toBe(visible(text));
  });

  it('closes and opens a code block that it cuts, and leaves its lines as they are', async () => {
    const code = Array.from({ length: 30 }, (_, at) => `  # line ${at} - not a heading`).join('\n');
    const parts = await split(`\`\`\`py\n${code}\n\`\`\``, 200);
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) expect(part).toMatch(/^```py\n {2}# line[\s\S]*\n```$/);
    expect(parts.map((part) => part.slice(6, -4)).join('\n')).toBe(code);
  });

  it('repeats the head of a table', async () => {
    const rows = Array.from({ length: 20 }, (_, at) => `| row ${at} | ${at * at} |`);
    const parts = await split(['| name | square |', '|---|--:|', ...rows].join('\n'), 120);
    for (const part of parts) expect(part.startsWith('| name | square |\n|---|--:|\n| row')).toBe(true);
    expect(parts.join('\n').match(/\| row/g)).toHaveLength(20);
  });

  it('goes on with the numbers of a list', async () => {
    const items = Array.from({ length: 12 }, (_, at) => `${at + 3}. item number ${at + 3}`);
    const parts = await split(items.join('\n'), 80);
    expect(parts.join('\n')).toBe(items.join('\n'));
  });

  it('keeps nested lists, and tasks with their boxes', async () => {
    const text = `- [x] done\n- [ ] open\n  - inner one\n  - inner two\n${'- filler item\n'.repeat(12)}`;
    expect((await split(text, 60))[0]).toBe('- [x] done\n- [ ] open\n  - inner one\n  - inner two');
  });

  it('does not turn the rest of a sentence into something else', async () => {
    const text = `${'word '.repeat(15)}# not a heading ${'word '.repeat(12)}- not a list ${'word '.repeat(14)}1986. not a number`;
    for (let limit = 60; limit < 110; limit++) {
      const parts = await split(text, limit);
      expect(parts.map(visible).join('')).toBe(visible(text));
    }
  });
});

describe('splitAndRender', () => {
  it('gives the parts of splitMarkdown as they are rendered, and renders what fits once', async () => {
    await fc.assert(
      fc.asyncProperty(document, fc.integer({ min: 60, max: 4_000 }), async (text, limit) => {
        const seen: string[] = [];
        const shown = await splitAndRender(text, {
          limit,
          *render(part) {
            seen.push(part);
            yield;
            return `<${part}>`;
          },
          measure: (rendered) => rendered.length,
        });
        const parts = await splitMarkdown(text, {
          limit,
          *measure(part) {
            yield;
            return part.length + 2;
          },
        });
        expect(shown).toEqual(parts.map((part) => `<${part}>`));
        if (text.length + 2 <= limit) expect(seen).toEqual([text]);
      }),
      { numRuns: 30 },
    );
  });
});
