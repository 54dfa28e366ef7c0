import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toReadable } from '../../../../../src/agent/tools/http/readable.ts';

const base = new URL('https://docs.example/guide/');
const readable = (html: string) => toReadable(html, base);

describe('toReadable', () => {
  it('keeps what a person reads, in order', () => {
    const page = readable(`<!doctype html><html><head><title>The  Guide</title><style>p{}</style></head>
      <body><nav><a href="/">Home</a></nav><h1>Start &amp; stop</h1><p>One
      two <a href="more.html">three</a>.<br>four</p><ul><li>a</li><li>b</li></ul>
      <pre>  keep
    this</pre><table><tr><td>x</td><td>y</td></tr></table><script>steal()</script></body></html>`);
    expect(page.title).toBe('The Guide');
    expect(page.text).toBe(
      [
        '# Start & stop',
        '',
        'One two three (https://docs.example/guide/more.html).',
        'four',
        '',
        '- a',
        '',
        '- b',
        '',
        '  keep',
        '    this',
        '',
        'x | y |',
      ].join('\n'),
    );
  });

  it('A29 leaves out what a person does not see', () => {
    for (const hidden of [
      '<div hidden>trap</div>',
      '<div style="color:red; display : none"><div>trap</div>trap</div>',
      '<span aria-hidden="true">trap</span>',
      '<p style="font-size:0">trap</p>',
      '<p style="opacity:0">trap</p>',
      '<!-- trap -->',
      '<template>trap</template>',
      '<noscript>trap</noscript>',
      '<script>trap</script >',
      '<svg><text>trap</text></svg>',
      '<textarea>trap</textarea>',
    ])
      expect(readable(`<p>before</p>${hidden}<p>after</p>`).text).toBe('before\n\nafter');
  });

  it('names only addresses that can be fetched', () => {
    expect(readable('<a href="javascript:x()">a</a> <a href="#b">b</a> <a>c</a>').text).toBe('a b c');
    expect(readable(`<a href="https://x.example/${'y'.repeat(600)}">long</a>`).text).toBe('long');
  });

  it('decodes entities, and leaves alone what is none', () => {
    expect(readable('&lt;b&gt; &#65;&#x42; &copy; &nope; &#0; &#xD800; &#99999999; a&b').text).toBe(
      '<b> AB © &nope; \uFFFD \uFFFD &#99999999; a&b',
    );
  });

  it('survives broken markup', () => {
    expect(readable('a < b <p>c').text).toBe('a < b\nc');
    expect(readable('x<a href="never closed').text).toBe('x');
    expect(readable('<head><body>seen').text).toBe('seen');
    expect(readable('text<!-- never closed').text).toBe('text');
    expect(readable('</p></div></pre>text').text).toBe('text');
  });

  it('A45 property: takes any text whatever, and time grows no faster than its length', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '"',
      "='",
      '<a href=',
      '<!--',
      '-->',
      '<script>',
      '</script',
      '&#',
      'x ',
      '<div hidden>',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 60 }), (parts) => {
        expect(typeof readable(parts.join('')).text).toBe('string');
      }),
    );
    for (const piece of [
      '<',
      '<a ',
      '<a href="',
      '<!--',
      '<script>',
      '&#',
      '<div hidden>',
      '</',
      '\n\n\n<p>',
      ' ',
    ])
      expect(readable(piece.repeat(200_000)).text.length).toBeLessThan(1_000_000);
  });
});
