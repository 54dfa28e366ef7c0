import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDraftText } from '../../../../src/channels/web/draft-text.ts';
import { renderBlocks } from '../../../../src/channels/web/format.ts';

const rendered = (markdown: string): string[] => renderBlocks(markdown).map((block) => block.html);
const html = (markdown: string): string => rendered(markdown).join('');

/** Everything the renderer may write as a tag; whatever else begins with `<` came from the author. */
const ownTag =
  /^(?:\/?(?:p|strong|em|del|code|pre|ul|ol|li|blockquote|h3|div|span|table|thead|tbody|tr|th|td|a|bdi|button)|br|hr|p class="plain"|h3 class="h[1-6]"|ol start="\d+"|t[hd] class="(?:left|right|center)"|span class="task"|bdi class="host"|div class="(?:code|code-head)"|div class="table" tabindex="0" role="region" aria-label="Table"|button type="button" class="copy" data-copy|pre tabindex="0" role="region" aria-label="Code"|a href="(?:https?:\/\/|mailto:)[^"<>]*" target="_blank" rel="noopener noreferrer nofollow")$/;

function foreignTags(rendered: string): string[] {
  const tags = [...rendered.matchAll(/<([^>]*)>?/g)].map(([, inner]) => inner ?? '');
  return tags.filter((tag) => !ownTag.test(tag));
}

/** Markdown and HTML punctuation, in the combinations that break renderers. */
const hostile = fc
  .array(
    fc.constantFrom(
      '<script>alert(1)</script>',
      '<img src=x onerror=alert(1)>',
      '[a](javascript:alert(1))',
      '![i](https://e.example/p.png)',
      '[x]: javascript:alert(1)',
      '[x]',
      '<a href="',
      '" onclick="x',
      "' onclick='x",
      '```',
      '`',
      '~~~',
      '&lt;',
      '&#60;',
      '&quot;',
      '\n',
      '\n\n',
      '> ',
      '- ',
      '1. ',
      '# ',
      '|a|b|\n|-|:-:|\n|',
      '**',
      '_',
      '~~',
      '<!--',
      '-->',
      '<![CDATA[',
      '</p>',
      '\\',
      '\t',
      '    ',
      '[t](https://e.example/"onx=1)',
      '<https://e.example/<b>>',
      'www.e.example',
      'a@b.example',
      '[a](data:text/html,x)',
      '- [x] ',
      '\u202e',
      '\u0000',
      'java\nscript:',
      '[a](<java\tscript:x>)',
      'é',
      '漢字',
      '😀',
      'word ',
    ),
    { maxLength: 24 },
  )
  .map((parts) => parts.join(''));

describe('A38: Markdown becomes safe HTML', () => {
  it('never lets a tag or an attribute of the author through', () => {
    fc.assert(
      fc.property(fc.oneof(hostile, fc.string({ maxLength: 200 })), (text) => {
        expect(foreignTags(html(text))).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });

  it('knows a foreign tag when it sees one', () => {
    for (const bad of [
      '<script>',
      '<img src=x onerror=y>',
      '<a href="javascript:x" target="_blank">',
      '<p onclick="x">',
      '<',
    ]) {
      expect(foreignTags(bad)).not.toEqual([]);
    }
  });

  it('shows HTML as text', () => {
    expect(html('<script>alert(1)</script>')).toBe(
      '<p class="plain">&lt;script&gt;alert(1)&lt;/script&gt;</p>',
    );
    expect(html('a <b onclick=x>c</b>')).toBe('<p>a &lt;b onclick=x&gt;c&lt;/b&gt;</p>');
  });

  it.each([
    ['[a](javascript:alert)', '<p>a (javascript:alert)</p>'],
    ['[a](&#106;avascript:alert)', '<p>a (&amp;#106;avascript:alert)</p>'],
    ['[a](data:text/html,x)', '<p>a (data:text/html,x)</p>'],
    ['[a](/relative)', '<p>a (/relative)</p>'],
  ])('keeps %s as text', (markdown, expected) => expect(html(markdown)).toBe(expected));

  it('says where a link goes when its text does not', () => {
    expect(html('[your bank](https://evil.example/login)')).toContain(
      '<bdi class="host">(evil.example)</bdi>',
    );
    expect(html('[https://bank.example](https://evil.example)')).toContain('(evil.example)');
    expect(html('[/](https://evil.example)')).toContain('(evil.example)');
    expect(html('https://bank.example@evil.example/')).toContain('(evil.example)');
    expect(html('https://good.example/path')).not.toContain('host');
    expect(html('www.good.example')).not.toContain('host');
    expect(html('me@good.example')).not.toContain('host');
  });

  it('A28: shows an image as a link, so that nobody is told who reads', () => {
    const rendered = html('![chart](https://tracker.example/pixel.png)');
    expect(rendered).not.toContain('<img');
    expect(rendered).toContain('>Image: chart</a> <bdi class="host">(tracker.example)</bdi>');
  });

  it('marks code with its language and a copy button', () => {
    const rendered = html('```ts "><script>\nconst a = 1 < 2;\n```');
    expect(rendered).toContain('<span>ts</span><button type="button" class="copy" data-copy>Copy</button>');
    expect(rendered).toContain('<code>const a = 1 &lt; 2;</code>');
  });

  it('keeps character references, lists, tables and breaks', () => {
    expect(html('&copy; &amp; & <')).toBe('<p>&copy; &amp; &amp; &lt;</p>');
    expect(html('3. a\n4. b')).toBe('<ol start="3"><li>a</li><li>b</li></ol>');
    expect(html('- [x] done')).toContain('<span class="task">[x]</span> done');
    expect(html('|a|b|\n|-|-:|\n|1|2|')).toContain('<td class="right">2</td>');
    expect(html('one\ntwo')).toBe('<p>one<br>two</p>');
    expect(html('\\*not em\\*')).toBe('<p>*not em*</p>');
  });

  it.each([
    ['quotes', '>'.repeat(20_000)],
    ['brackets', '['.repeat(20_000)],
    ['lists', '- '.repeat(20_000)],
    ['emphasis', '*a '.repeat(2_000) + '_'.repeat(500)],
    ['a huge text', 'word '.repeat(100_000)],
  ])('A45: shows hostile nesting of %s without falling over', (_what, text) => {
    expect(foreignTags(html(text))).toEqual([]);
  });
});

describe('an answer while it is written', () => {
  const answer =
    '# Title\n\nFirst **part**.\n\n```sh\nnpm test\n\necho done\n```\n\n- one\n- two\n\n|a|b|\n|-|-|\n|1|2|\n\nThe end.';

  it('ends as the whole text would read, however it was cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }), (sizes) => {
        const draft = createDraftText();
        for (let at = 0, i = 0; at < answer.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          draft.append(answer.slice(at, at + size));
          at += size;
          draft.blocks();
        }
        expect(draft.blocks()).toEqual(rendered(answer));
      }),
    );
  });

  it('starts over on reset', () => {
    const draft = createDraftText();
    draft.append('half an ans');
    draft.reset();
    draft.append('whole');
    expect(draft.blocks()).toEqual(['<p>whole</p>']);
  });
});
