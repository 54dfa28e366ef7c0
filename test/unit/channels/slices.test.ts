/** F45: hostile Markdown is worked on in slices, none of which lasts: counted in what the parser tries, not in time. */
import fc from 'fast-check';
import { Lexer, Tokenizer } from 'marked';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { lexInSlices } from '../../../src/channels/markdown.ts';
import { sectionsOf } from '../../../src/channels/sections.ts';
import { inSlices, type Sliced } from '../../../src/channels/slices.ts';

afterEach(() => vi.restoreAllMocks());

/** What one slice has the parser do. */
type Effort = {
  /** Marks of emphasis held against each other; a thousand are about half a millisecond. */
  pairs: number;
  /** Characters behind each sign that makes the parser look ahead. */
  looked: number;
  /** Given to it at the level of blocks. */
  characters: number;
  lines: number;
};
const nothing = (): Effort => ({ pairs: 0, looked: 0, characters: 0, lines: 0 });
const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** The most that any slice did, each kind for itself. */
function largestSlice(work: Sliced<unknown>): Effort {
  let now = nothing();
  let depth = 0;
  const { blockTokens } = Lexer.prototype;
  vi.spyOn(Lexer.prototype, 'blockTokens').mockImplementation(function (this: Lexer, src, tokens, isClipped) {
    if (depth++ === 0) {
      now.characters += src.length;
      now.lines += count(src, /\n/g);
    }
    try {
      return blockTokens.call(this, src, tokens, isClipped);
    } finally {
      depth--;
    }
  });
  const { emStrong, del, link, tag, codespan } = Tokenizer.prototype;
  vi.spyOn(Tokenizer.prototype, 'emStrong').mockImplementation(function (
    this: Tokenizer,
    src,
    masked,
    before,
  ) {
    // Within a word `_` is no mark.
    const isInWord = src.startsWith('_') && /[\p{L}\p{N}]_*$/u.test(masked.slice(0, -src.length));
    if (/^[*_]/.test(src) && !isInWord) now.pairs += count(masked.slice(-src.length), /([*_])\1*/g);
    return emStrong.call(this, src, masked, before);
  });
  vi.spyOn(Tokenizer.prototype, 'del').mockImplementation(function (this: Tokenizer, src, masked, before) {
    if (src.startsWith('~')) now.pairs += count(masked.slice(-src.length), /~+/g);
    return del.call(this, src, masked, before);
  });
  vi.spyOn(Tokenizer.prototype, 'link').mockImplementation(function (this: Tokenizer, src) {
    if (/^[[!]/.test(src)) now.looked += src.length;
    return link.call(this, src);
  });
  vi.spyOn(Tokenizer.prototype, 'tag').mockImplementation(function (this: Tokenizer, src) {
    if (src.startsWith('<')) now.looked += src.length;
    return tag.call(this, src);
  });
  vi.spyOn(Tokenizer.prototype, 'codespan').mockImplementation(function (this: Tokenizer, src) {
    if (src.startsWith('`')) now.looked += src.length;
    return codespan.call(this, src);
  });
  const most = nothing();
  for (let isOver = false; !isOver; ) {
    now = nothing();
    isOver = work.next().done === true;
    for (const kind of ['pairs', 'looked', 'characters', 'lines'] as const)
      most[kind] = Math.max(most[kind], now[kind]);
  }
  vi.restoreAllMocks();
  return most;
}

const fill = (unit: string, length: number): string =>
  unit.repeat(Math.ceil(length / unit.length)).slice(0, length);

/** The dearest of some hundred thousand generated texts, and those that once held everybody up for seconds. */
const hostile = [
  ...[
    '*a_',
    '_a__',
    '1.b__',
    '> =**x',
    ':***a<?;',
    '_\u200b',
    '**~~\u200b](',
    'é(**',
    '\\0_0_',
    '~:**',
    '__\u200b1.![',
  ],
  ...[
    '[a',
    '![a',
    '](',
    '[a](',
    '<a',
    '<!--',
    '<?',
    '`a``',
    '`|a|',
    '~a',
    '!a',
    '!',
    '&b',
    '@',
    'www.',
    '[a][',
  ],
  ...[
    '- a\n',
    '1.\\\n-\n',
    '* :[^<?\n',
    '> * _b\n',
    '  \n\\\n> ~~~<b>',
    '#<!--^\\\n\n',
    '`**\n\n',
    '|a|b|\n',
    '|a|\n|-|\n',
  ],
  ...['- - ', '> > ', '"|a|b|\n|-|-|\n', 'word ', 'a', '\n', ' \n', '|', '- [ ] a\n', 'https://a.b('],
];
/** Characters: what 12 KB and 130 KB hold, and the lengths at which only a part of the checks applies. */
const lengths = [500, 2_000, 4_000, 12_000, 40_000, 130_000];

describe('parsing', () => {
  it.each(lengths)('F45, P13: no slice of a hostile text of %i characters does much', (length) => {
    for (const unit of hostile) {
      const most = largestSlice(lexInSlices(fill(unit, length)));
      expect({ unit, tooMany: most.pairs > 15_000 }).toEqual({ unit, tooMany: false });
      expect({ unit, tooFar: most.looked > 2_500_000 }).toEqual({ unit, tooFar: false });
      // A table stays whole a little longer.
      expect({ unit, tooLong: most.characters > 36_000 || most.lines > 1_500 }).toEqual({
        unit,
        tooLong: false,
      });
    }
  });

  it('F45: nor of one whose kinds of mark are mixed, at the front and behind', () => {
    const mark = fc.constantFrom(
      '*',
      '_',
      '**',
      '~',
      '[',
      '](',
      '!',
      '`',
      '<',
      '>',
      'a',
      ' ',
      '.',
      '\n',
      '\n\n',
      '- ',
      '|',
    );
    const unit = fc.array(mark, { minLength: 1, maxLength: 5 }).map((marks) => marks.join(''));
    const text = fc
      .tuple(unit, unit, fc.constantFrom(2_000, 12_000, 30_000))
      .map(([front, back, length]) => fill(front, length / 2) + fill(back, length / 2));
    fc.assert(
      fc.property(text, (hostileText) => {
        const most = largestSlice(lexInSlices(hostileText));
        expect(most.pairs).toBeLessThanOrEqual(15_000);
        expect(most.looked).toBeLessThanOrEqual(2_500_000);
      }),
      { numRuns: 60 },
    );
  });

  it.each(['* ', '- ', '> ', '1. ', '- > ', '* [ ] '])(
    'F45: a text that nests %j without end is shown as it is, where the parser would run out of stack',
    (marker) => {
      for (const end of ['', 'a', '[a]:[a]:', '\u200b', '|a|'])
        for (const depth of [500, 6_000, 40_000]) {
          const text = marker.repeat(depth) + end;
          const work = lexInSlices(text);
          let step = work.next();
          while (step.done !== true) step = work.next();
          expect(
            step.value
              .map((token) => token.raw)
              .join('')
              .trimEnd(),
          ).toBe(text.trimEnd());
        }
    },
  );
});

describe('sectionsOf', () => {
  const line = fc.constantFrom(
    '',
    '',
    'words here',
    '- item',
    '  more',
    '```',
    '~~~',
    '> quote',
    '|a|b|',
    '# head',
    '1. one',
    '    code',
  );
  const text = fc
    .tuple(fc.array(line, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 60 }))
    .map(([lines, times]) => `${lines.join('\n')}\n`.repeat(times));

  it('F45: loses nothing, and only code and tables are longer than a section', () => {
    fc.assert(
      fc.property(text, (whole) => {
        const sections = [...sectionsOf(whole)];
        expect(sections.join('')).toBe(whole);
        for (const section of sections) {
          expect(section).not.toBe('');
          if (/^ {0,3}(?:```|~~~)/m.test(section) || section.includes('|')) continue;
          expect(section.length).toBeLessThanOrEqual(12_000);
          expect(count(section, /\n/g)).toBeLessThanOrEqual(500);
        }
      }),
    );
  });

  it('F45: cuts between blocks, so that the tree is that of the whole text', () => {
    const paragraph = fc.constantFrom(
      'Some **words** and a [link][home].',
      '- one\n- two\n\n  more of two',
      '```ts\nconst a = 1;\n\nconst b = 2;\n```',
      '|a|b|\n|-|-|\n|c|d|',
      '> quoted\n> words',
      '# Title',
      '1. first\n\n2. second',
      '[home]: https://home.example/',
    );
    const typeOf = (tokens: readonly { type: string; raw: string }[]) =>
      tokens.filter(({ type }) => type !== 'space').map(({ type, raw }) => [type, raw.trim()]);
    fc.assert(
      fc.property(
        fc.array(paragraph, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 20, max: 90 }),
        (parts, times) => {
          // Prose between them: blocks that would run into one another are no longer those of the list.
          const whole = parts
            .map((part) => `${part}\n\nProse.\n\n`)
            .join('')
            .repeat(times);
          const work = lexInSlices(whole);
          let step = work.next();
          while (step.done !== true) step = work.next();
          expect(typeOf(step.value)).toEqual(typeOf(new Lexer({ gfm: true, breaks: true }).lex(whole)));
        },
      ),
      { numRuns: 20 },
    );
  });

  it('a list falls in two between its items, never within one', () => {
    const list = '- an item\n\n      with code of its own\n\n  - and one below\n'.repeat(400);
    const sections = [...sectionsOf(list)];
    expect(sections.length).toBeGreaterThan(2);
    for (const section of sections) expect(section).toMatch(/^- an item/);
  });

  it('a table of many rows stays one, and code of any length', () => {
    const table = `|a|b|c|\n|-|-|-|\n${'|one|two|three|\n'.repeat(1_000)}`;
    expect([...sectionsOf(table)]).toEqual([table]);
    const loose = `a|b\n-|-\n${'one|two\n'.repeat(800)}`;
    expect([...sectionsOf(loose)]).toEqual([loose]);
    const code = `\`\`\`\n${'x = 1\n\n'.repeat(5_000)}\`\`\`\n`;
    expect([...sectionsOf(`Words.\n\n${code}\nWords.`)]).toContain(code);
  });
});

describe('inSlices', () => {
  it('F45: many at once have one slice between them in a turn of the event loop, and all come to an end', async () => {
    let clock = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => clock);
    let inTurn = 0;
    const turns: number[] = [];
    function* work(steps: number): Sliced<number> {
      for (let step = 0; step < steps; step++) {
        // One millisecond each.
        clock += 1;
        inTurn += 1;
        yield;
      }
      return steps;
    }
    let isOver = false;
    const count = (): void => {
      turns.push(inTurn);
      inTurn = 0;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const done = await Promise.all([
      inSlices(work(30)),
      inSlices(work(5)),
      inSlices(work(50)),
      inSlices(work(3)),
    ]);
    isOver = true;
    expect(done).toEqual([30, 5, 50, 3]);
    expect(Math.max(...turns)).toBeLessThanOrEqual(9);
  });

  it('gives the error of its work to who waits for it, and others go on', async () => {
    function* failing(): Sliced<number> {
      yield;
      throw new RangeError('too deep');
    }
    function* fine(): Sliced<number> {
      yield;
      return 1;
    }
    const [bad, good] = await Promise.allSettled([inSlices(failing()), inSlices(fine())]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { message: 'too deep' } });
    expect(good).toEqual({ status: 'fulfilled', value: 1 });
  });
});
