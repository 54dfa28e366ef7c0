/**
 * Cuts Markdown into parts that fit a platform's limit, and loses nothing (pure). What fits is asked of the caller,
 * who measures the text as the platform will get it. Blocks stay whole while they can; a code block that is cut is
 * closed and opened again, a table repeats its head, a list goes on with its numbers. The work is done in slices,
 * because everybody else waits meanwhile (F45).
 */
import type { MarkedToken, Token, Tokens } from 'marked';
import { lexInSlices } from './markdown.ts';
import { inSlices, type Sliced } from './slices.ts';

export type SplitOptions = {
  readonly limit: number;
  /** Length of the rendered part. Must not shrink when text is added. */
  readonly measure: (markdown: string) => Sliced<number>;
};

type Fits = {
  (markdown: string): Sliced<boolean>;
  /** So much has been measured that cuts need no longer be the best ones: legal ones will do. */
  readonly isTired: () => boolean;
};

/** For a platform that counts what was written. */
export function* lengthOf(markdown: string): Sliced<number> {
  yield;
  return markdown.length;
}

/** What may be measured in all, as a multiple of the text. Prose takes about ten. */
const EFFORT = 24;
const LEAST_EFFORT = 100_000;
/** Markdown so many times the limit does not get that short by being rendered: not worth measuring. */
const HOPELESS = 2;

export const splitMarkdown = (markdown: string, options: SplitOptions): Promise<string[]> =>
  inSlices(splitToFit(markdown, options));

export type RenderOptions = {
  readonly limit: number;
  readonly render: (markdown: string) => Sliced<string>;
  /** Length of what was rendered. Must not shrink when text is added. */
  readonly measure: (rendered: string) => number;
};

/** As they are sent, those left out of which nothing is to be seen. */
export const splitAndRender = (markdown: string, options: RenderOptions): Promise<string[]> =>
  inSlices(rendered(markdown, options));

function* rendered(markdown: string, { limit, render, measure }: RenderOptions): Sliced<string[]> {
  // Most texts fit as they are: what is rendered to find that out is what is sent.
  if (markdown.length <= HOPELESS * limit) {
    const whole = yield* render(markdown);
    if (measure(whole) <= limit) return whole === '' ? [] : [whole];
  }
  const parts = yield* splitToFit(markdown, {
    limit,
    *measure(part) {
      return measure(yield* render(part));
    },
  });
  const shown: string[] = [];
  for (const part of parts) {
    const text = yield* render(part);
    if (text !== '') shown.push(text);
    yield;
  }
  return shown;
}

function splitToFit(markdown: string, { limit, measure }: SplitOptions): Sliced<string[]> {
  let left = Math.max(LEAST_EFFORT, EFFORT * markdown.length);
  function* isFitting(part: string): Sliced<boolean> {
    if (part.length > HOPELESS * limit) return false;
    left -= part.length;
    yield;
    return (yield* measure(part)) <= limit;
  }
  return split(markdown, Object.assign(isFitting, { isTired: () => left < 0 }));
}

/** What fits once it is wrapped. */
const within = (fits: Fits, wrap: (body: string) => string): Fits =>
  Object.assign((part: string) => fits(wrap(part)), { isTired: fits.isTired });

function* split(markdown: string, fits: Fits): Sliced<string[]> {
  const text = markdown.replace(/\r\n?/g, '\n');
  if (text.trim() === '') return [];
  if (yield* fits(text)) return [text];
  const blocks = (yield* lexInSlices(text)).map((token) => ({
    raw: token.raw,
    pieces: () => piecesOf(token, fits),
  }));
  const parts = yield* pack(blocks, '', fits, (part) => part);
  return parts.map((part) => part.replace(/^\n+|\s+$/g, '')).filter((part) => part !== '');
}

/** Something to be packed: whole where it fits, else in pieces that do. */
type Unit = { readonly raw: string; readonly pieces: () => Sliced<readonly string[]> };

/** Fills parts from first to last. `wrap` makes a part of what was joined (fences, a table's head). */
function* pack(
  units: readonly Unit[],
  glue: string,
  fits: Fits,
  wrap: (body: string) => string,
): Sliced<string[]> {
  const parts: string[] = [];
  // The end of a unit that had to be cut, to which the next ones may still be added.
  let carry: readonly string[] = [];
  let at = 0;
  while (at < units.length) {
    const joined = (count: number): string =>
      wrap([...carry, ...units.slice(at, at + count).map((unit) => unit.raw)].join(glue));
    const count = yield* mostThat(units.length - at, (some) => fits(joined(some)), fits.isTired);
    if (count > 0 || carry.length > 0) {
      parts.push(joined(count));
      carry = [];
      at += count;
      continue;
    }
    const unit = units[at];
    const pieces = unit === undefined ? [] : yield* unit.pieces();
    parts.push(...pieces.slice(0, -1).map(wrap));
    carry = pieces.slice(-1);
    at += 1;
  }
  return carry.length === 0 ? parts : [...parts, ...carry.map(wrap)];
}

/** The largest number up to `most` that is fine, where all below it are; 0 when none is. Few tries: each one costs. */
function* mostThat(
  most: number,
  isFine: (count: number) => Sliced<boolean>,
  isTired: () => boolean,
): Sliced<number> {
  let fine = 0;
  let step = 1;
  while (fine + step <= most && (yield* isFine(fine + step))) {
    fine += step;
    step *= 2;
  }
  let end = Math.min(fine + step - 1, most);
  while (fine < end && !isTired()) {
    const middle = Math.ceil((fine + end) / 2);
    if (yield* isFine(middle)) fine = middle;
    else end = middle - 1;
  }
  return fine;
}

function* piecesOf(token: MarkedToken, fits: Fits): Sliced<string[]> {
  if (fits.isTired()) return yield* cut(token.raw, fits);
  switch (token.type) {
    case 'code':
      return yield* codePieces(token, fits);
    case 'table':
      return yield* tablePieces(token, fits);
    case 'list':
      return yield* listPieces(token, fits);
    case 'blockquote':
      return (yield* split(token.text, within(fits, quoted))).map(quoted);
    case 'heading':
    case 'paragraph':
    case 'text':
      return yield* prose(token.tokens ?? [], token.raw, fits);
    default:
      return yield* cut(token.raw, fits);
  }
}

const quoted = (text: string): string => `${text.replace(/^/gm, '> ')}\n`;

function* codePieces(token: Tokens.Code, fits: Fits): Sliced<string[]> {
  const longest = Math.max(0, ...[...token.text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  const wrap = (body: string): string => `${fence}${token.lang ?? ''}\n${body}\n${fence}\n`;
  const fitsWrapped = within(fits, wrap);
  const lines = token.text.split('\n').map((raw) => ({ raw, pieces: () => cut(raw, fitsWrapped, verbatim) }));
  return yield* pack(lines, '\n', fits, wrap);
}

function* tablePieces(token: Tokens.Table, fits: Fits): Sliced<string[]> {
  const [head = '', rule = '', ...rows] = token.raw.trimEnd().split('\n');
  const wrap = (body: string): string => `${head}\n${rule}\n${body}\n`;
  if (!(yield* fits(wrap('')))) return yield* cut(token.raw, fits);
  const fitsWrapped = within(fits, wrap);
  // A row too long for any part is shown as text below the others.
  for (const row of rows) if (!(yield* fitsWrapped(row))) return yield* cut(token.raw, fits);
  return yield* pack(
    rows.map((raw) => ({ raw, pieces: () => cut(raw, fitsWrapped, verbatim) })),
    '\n',
    fits,
    wrap,
  );
}

function* listPieces(token: Tokens.List, fits: Fits): Sliced<string[]> {
  const start = typeof token.start === 'number' ? token.start : 1;
  const items = token.items.map((item, index) => {
    const marker = token.ordered ? `${start + index}. ` : '- ';
    const task = item.task ? `[${item.checked ? 'x' : ' '}] ` : '';
    const pad = `\n${' '.repeat(marker.length)}`;
    const listed = (body: string): string => `${marker}${task}${body.replace(/\n(?=[^\n])/g, pad)}\n`;
    const body = bodyOf(item);
    return {
      raw: listed(body),
      // The rest of an item stands alone: the empty line keeps the next item from running into it.
      *pieces(): Sliced<string[]> {
        const parts = yield* split(body, within(fits, listed));
        return parts.map((part, at) => (at === 0 ? listed(part) : `${part}\n\n`));
      },
    };
  });
  return yield* pack(items, token.loose ? '\n' : '', fits, (part) => part);
}

/** An item's own Markdown, without its marker, its indentation and its box. */
function bodyOf(item: Tokens.ListItem): string {
  const inner = item.tokens.filter((token) => token.type !== 'checkbox').map((token) => token.raw);
  if (item.loose) return inner.join('').trimEnd();
  return inner.map((raw) => raw.replace(/\n+$/, '')).join('\n');
}

function* prose(tokens: readonly Token[], raw: string, fits: Fits): Sliced<string[]> {
  if (tokens.length === 0) return yield* cut(raw, fits);
  const units = (tokens as readonly MarkedToken[]).map((token) => ({
    raw: token.raw,
    pieces: () => inlinePieces(token, fits),
  }));
  const parts = yield* pack(units, '', fits, (part) => part);
  return parts.map((part, index) => (index === 0 ? part : asProse(part)));
}

const marks: Readonly<Record<string, string>> = { strong: '**', em: '*', del: '~~' };

function* inlinePieces(token: MarkedToken, fits: Fits): Sliced<string[]> {
  if (fits.isTired()) return yield* cut(token.raw, fits);
  const mark = marks[token.type];
  if (mark !== undefined && 'tokens' in token) {
    const wrap = (body: string): string => `${mark}${body.trim()}${mark}`;
    return (yield* prose(token.tokens ?? [], token.raw, within(fits, wrap))).map(wrap);
  }
  if (token.type === 'link' && token.raw.startsWith('[')) {
    // Every piece of a long link leads where the whole one did.
    const target = token.raw.slice(token.raw.lastIndexOf(']('));
    const wrap = (body: string): string => `[${body.trim()}${target}`;
    if (yield* fits(wrap('x'))) return (yield* prose(token.tokens, token.text, within(fits, wrap))).map(wrap);
  }
  if (token.type === 'codespan') {
    const wrap = (body: string): string => `\`\` ${body} \`\``;
    return (yield* cut(token.text, within(fits, wrap), verbatim)).map(wrap);
  }
  return yield* cut(token.raw, fits);
}

/** A line that goes on in a new part must not turn into a heading, a list or a rule there. */
function asProse(text: string): string {
  const trimmed = text.trimStart();
  const numbered = /^(\d{1,9})([.)])(?=\s|$)/.exec(trimmed);
  if (numbered) return `${numbered[1]}\\${trimmed.slice(numbered[1]?.length)}`;
  return /^(?:#{1,6}\s|>|[-+*](?:\s|$)|[-*_=]{2,}\s*$|~~~|\|)/.test(trimmed) ? `\\${trimmed}` : trimmed;
}

const verbatim = (text: string): string => text;

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** Where a line breaks best, best first. */
const breaks = [/\n/g, /[.!?]\s|[。！？]/g, /\s/g];
/** A break nearer to the start than this share wastes too much of the part. */
const WORTH_KEEPING = 0.5;

/** Plain text by lines, sentences, words, and if it must be by characters. Each piece holds at least one. */
function* cut(text: string, fits: Fits, goOn: (rest: string) => string = asProse): Sliced<string[]> {
  const pieces: string[] = [];
  let rest = text;
  while (rest !== '' && !(yield* fits(rest))) {
    const now = rest;
    const most = yield* mostThat(now.length, (end) => fits(now.slice(0, end)), fits.isTired);
    const end = breakPoint(now, most);
    pieces.push(now.slice(0, end));
    rest = goOn(now.slice(end));
  }
  if (rest !== '') pieces.push(rest);
  return pieces;
}

function breakPoint(text: string, most: number): number {
  const head = text.slice(0, most);
  for (const pattern of breaks) {
    const found = lastMatch(head, pattern);
    if (found > most * WORTH_KEEPING) return found;
  }
  return graphemeBefore(text, most);
}

function lastMatch(text: string, pattern: RegExp): number {
  const found = [...text.matchAll(pattern)].at(-1);
  return found === undefined ? 0 : found.index + found[0].length;
}

/** Longest run that can be one grapheme (family emoji, stacked accents); further back is not looked. */
const LOOK_BACK = 64;

function graphemeBefore(text: string, most: number): number {
  const from = Math.max(0, most - LOOK_BACK);
  const window = text.slice(from, most + LOOK_BACK);
  let best = 0;
  let first = 0;
  for (const { index, segment } of graphemes.segment(window)) {
    const end = from + index + segment.length;
    if (first === 0) first = end;
    if (end <= most) best = end;
  }
  // An escape and a character reference stay whole.
  const tail = /(?:\\|&[#\w]{0,31})$/.exec(text.slice(0, best));
  if (tail !== null && best - tail[0].length > 0) best -= tail[0].length;
  return best > 0 ? best : first;
}
