/** Markdown as Discord gets it, and messages within its limits: A10, A37, A38, lossless splitting. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeText, MAX_CONTENT, renderMarkdown } from '../../../../src/channels/discord/format.ts';
import {
  nonceFor,
  toAsideParts,
  toBody,
  toDraft,
  toParts,
} from '../../../../src/channels/discord/outbound.ts';
import type { OutboundMessage } from '../../../../src/domain/message.ts';

const answer = (text: string): OutboundMessage => ({ kind: 'answer', text });

describe('Markdown for Discord', () => {
  it.each([
    ['plain words', 'plain words'],
    ['**bold** and *thin* and ~~gone~~', '**bold** and *thin* and ~~gone~~'],
    ['__strong__', '**strong**'],
    ['snake_case_name', 'snake_case_name'],
    ['# One', '# One'],
    ['##### Five', '**Five**'],
    ['- a\n- b\n  - c', '- a\n- b\n  - c'],
    ['3. x\n4. y', '3. x\n4. y'],
    ['- [x] done\n- [ ] open', '- [x] done\n- [ ] open'],
    ['> quoted\n> twice', '> quoted\n> twice'],
    ['```ts\nconst a = 1;\n```', '```ts\nconst a = 1;\n```'],
    ['`a`', '`a`'],
    ['a &amp; b &lt; c', 'a & b < c'],
    ['---', '———'],
    ['| a | bb |\n|---|---|\n| 1 | 2 |', '```\na  bb\n-  --\n1  2\n```'],
    ['<b>raw</b>', '<b>raw</b>'],
    ['-# small', '\\-\\# small'],
    ['a ||spoiler|| b', 'a \\|\\|spoiler\\|\\| b'],
  ])('%j', (markdown, shown) => {
    expect(renderMarkdown(markdown)).toBe(shown);
  });

  it('A38: a link shows its whole address, without a preview; other schemes stay text', () => {
    expect(renderMarkdown('[bank](https://evil.example/a?b=1)')).toBe('bank (<https://evil.example/a?b=1>)');
    expect(renderMarkdown('https://good.example/')).toBe('<https://good.example/>');
    expect(renderMarkdown('[x](javascript:alert)')).toBe('x (javascript:alert)');
    expect(renderMarkdown('![a cat](https://img.example/c.png)')).toBe(
      'Image: a cat (<https://img.example/c.png>)',
    );
    expect(renderMarkdown('[https://bank.example](https://bank.example@evil.example/)')).toContain(
      '(<https://bank.example@evil.example/>)',
    );
  });

  it('A37: nobody is rung, whatever the text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.constantFrom(
            '@everyone',
            '@here',
            '<@123456789012345678>',
            '<@&1>',
            '<#1>',
            '||',
            ' ',
            'a',
            '\n',
            '*',
            '\\',
          ),
        ),
        async (pieces) => {
          const shown = renderMarkdown(pieces.join(''));
          expect(shown).not.toMatch(/@everyone|@here/);
          // Escaped, with any even number of backslashes before that of our own.
          for (const found of shown.matchAll(/(\\*)<[@#]/g)) expect((found[1]?.length ?? 0) % 2).toBe(1);
          expect(toBody((await toParts(answer(pieces.join(''))))[0], 'n').allowed_mentions?.parse).toEqual(
            [],
          );
        },
      ),
    );
  });

  it('A10: a fence in code cannot end the block', () => {
    const shown = renderMarkdown('````\na\n```\nb\n````');
    expect(shown.match(/```/g)).toHaveLength(2);
  });

  it('plain text keeps every letter', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const unescaped = escapeText(text)
          .replace(/\\([^0-9A-Za-z\s])/g, '$1')
          .replaceAll('@\u200b', '@');
        const plain = text.replace(/\\([^0-9A-Za-z\s])/g, '$1').replaceAll('@\u200b', '@');
        expect(unescaped.replaceAll('\\', '')).toBe(plain.replaceAll('\\', ''));
      }),
    );
  });
});

describe('messages for Discord', () => {
  const word = fc.stringMatching(/^[a-z]{3,12}$/);
  const block = fc.oneof(
    fc.array(word, { minLength: 1, maxLength: 80 }).map((words) => words.join(' ')),
    fc.array(word, { minLength: 1, maxLength: 60 }).map((words) => `\`\`\`ts\n${words.join('\n')}\n\`\`\``),
    fc.array(word, { minLength: 1, maxLength: 20 }).map((words) => words.map((one) => `- ${one}`).join('\n')),
    fc
      .array(word, { minLength: 1, maxLength: 20 })
      .map((words) => `| h |\n|---|\n${words.map((one) => `| ${one} |`).join('\n')}`),
    fc.array(word, { minLength: 1, maxLength: 200 }).map((words) => `**${words.join(' ')}**`),
  );

  it('every part is legal and no word is lost, up to 100 KB', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 120 }), async (blocks) => {
        const text = blocks.join('\n\n');
        const parts = await toParts(answer(text));
        for (const part of parts) {
          expect(part.content.length).toBeLessThanOrEqual(MAX_CONTENT);
          expect(part.content.trim()).not.toBe('');
          expect((part.content.match(/```/g) ?? []).length % 2).toBe(0);
        }
        const whole = parts
          .flatMap((part) => [part.content, ...part.files.map((file) => file.text)])
          .join('\n');
        const words = (value: string) => value.match(/[a-z]{3,}/g) ?? [];
        const kept = new Set(words(whole));
        expect(words(text).filter((one) => !kept.has(one))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('a draft is one legal message that shows the newest words', () => {
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 60 }), (blocks) => {
        const shown = toDraft(blocks.join('\n\n'), '', '-# Running');
        expect(shown.length).toBeLessThanOrEqual(MAX_CONTENT);
        expect(shown.endsWith('-# Running')).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('an aside is labelled, repeats the question in one line, and does not claim to be private where it is not', async () => {
    const aside: OutboundMessage = {
      kind: 'aside',
      text: 'yes',
      aside: { question: 'is *it*\ntrue?', done: true },
    };
    expect((await toParts(aside))[0].content).toBe('-# Aside, only you see this\n-# is \\*it\\* true?\nyes');
    expect((await toParts(aside, true))[0].content).toContain('Aside, everyone here sees this');
    const growing: OutboundMessage = {
      ...aside,
      text: 'x '.repeat(5_000),
      aside: { question: 'q', done: false },
    };
    expect(await toAsideParts(growing)).toHaveLength(1);
    expect((await toAsideParts(growing))[0].content.length).toBeLessThanOrEqual(MAX_CONTENT);
  });

  it('F8: the same delivery has the same nonce, another part another one; 25 characters at most', () => {
    expect(nonceFor('turn:answer', 0)).toBe(nonceFor('turn:answer', 0));
    expect(nonceFor('turn:answer', 0)).not.toBe(nonceFor('turn:answer', 1));
    expect(nonceFor('x'.repeat(500), 3).length).toBeLessThanOrEqual(25);
  });
});
