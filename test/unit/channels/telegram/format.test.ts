/** Markdown as Telegram's HTML: always well-formed, nothing of the author's becomes a tag (A28, A37, A38). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderMarkdown } from '../../../../src/channels/telegram/format.ts';
import { MAX_HTML, splitHtml } from '../../../../src/channels/telegram/parts.ts';
import { readHtml } from '../../../fakes/telegram/html.ts';

/** Markup in the combinations that break renderers. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '<b>',
        '</b>',
        '<script>',
        '<a href="tg://user?id=1">x</a>',
        '&lt;',
        '&#60;',
        '&amp;',
        '&',
        '<',
        '>',
        '"',
      ),
      fc.constantFrom(
        '**',
        '*',
        '_',
        '~~',
        '`',
        '```',
        '~~~',
        '[a](javascript:x)',
        '[x](https://e.example/"<b>)',
        '![i](https://e.example/p.png)',
      ),
      fc.constantFrom(
        '\n',
        '\n\n',
        '> ',
        '> > ',
        '- ',
        '1. ',
        '# ',
        '|a|b|\n|-|:-:|\n|',
        '---',
        '[x]: https://e.example',
        '[x]',
        '    ',
        '\t',
        '- [x] ',
      ),
      fc.constantFrom(
        '@name',
        'a@b.example',
        'https://e.example/@me',
        'word',
        '日本語',
        '\u202e',
        '\u0000',
        '👩‍👩‍👧',
      ),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

describe('Telegram markup', () => {
  it.each([
    ['**bold** *it* ~~no~~ `a<b`', '<b>bold</b> <i>it</i> <s>no</s> <code>a&lt;b</code>'],
    ['# Title\n\ntext', '<b>Title</b>\n\ntext'],
    ['- one\n  - two\n- three', '• one\n   • two\n• three'],
    ['3. three\n4. four', '3. three\n4. four'],
    ['- [x] done\n- [ ] open', '• [x] done\n• [ ] open'],
    ['> quoted', '<blockquote>quoted</blockquote>'],
    ['```ts\nif (a < b) {}\n```', '<pre><code class="language-ts">if (a &lt; b) {}</code></pre>'],
    ['| a | bb |\n|---|---:|\n| 1 | 2 |', '<pre>a | bb\n--+---\n1 |  2</pre>'],
    ['a\nb', 'a\nb'],
    ['AT&amp;T &lt;b&gt;', 'AT&amp;T &lt;b&gt;'],
    ['<u>under</u>', '&lt;u&gt;under&lt;/u&gt;'],
  ])('%j', (markdown, html) => expect(renderMarkdown(markdown)).toBe(html));

  it('A38: a link shows where it goes; addresses that are none stay text', () => {
    expect(renderMarkdown('[bank](https://evil.example/x)')).toBe(
      '<a href="https://evil.example/x">bank</a> (evil.example)',
    );
    expect(renderMarkdown('https://ok.example/x')).toBe(
      '<a href="https://ok.example/x">https://ok.example/x</a>',
    );
    expect(renderMarkdown('[x](javascript:alert(1))')).toBe('x (javascript:alert(1))');
    expect(renderMarkdown('[you](tg://user?id=1)')).not.toContain('<a');
    expect(renderMarkdown('[https://bank.example](https://evil.example)')).toContain('(evil.example)');
  });

  it('A37: nobody is rung by a name in an answer, an address stays one', () => {
    expect(renderMarkdown('ask @ana and a@b.example')).toContain('ask @\u2060ana');
    expect(renderMarkdown('ask @ana and a@b.example')).toContain('a@b.example');
  });

  it('is well-formed whatever it is given', () => {
    fc.assert(
      fc.property(hostile, (markdown) => {
        expect(() => readHtml(renderMarkdown(markdown))).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  it('every part of a split text is legal: length, tags, number of entities', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { minLength: 20, maxLength: 80 }), async (pieces) => {
        for (const html of await splitHtml(pieces.join('\n\n'), MAX_HTML)) {
          expect(html.length).toBeLessThanOrEqual(MAX_HTML);
          expect(readHtml(html).entities).toBeLessThanOrEqual(100);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps every word of a text of 100 KB', async () => {
    const block =
      'Words **in bold** with `code` & <signs>\n\n- item one\n- item two\n\n```sh\nls -la | wc\n```\n\n';
    const text = block.repeat(Math.ceil(100_000 / block.length));
    const words = (all: string): string[] => all.match(/[a-z]+/gi) ?? [];
    const shown = (await splitHtml(text, MAX_HTML)).map((html) => readHtml(html).text);
    expect(words(shown.join(' '))).toEqual(words(text.replaceAll('```sh', '')));
  });
});
