/**
 * The one syntax tree that every platform's markup is written from (pure). A long text is parsed section by section, so
 * that others get their turn; one that would hold the parser up all the same comes back as one block of plain text.
 */
import { createRequire } from 'node:module';
import type { MarkedToken } from 'marked';
import { isCostlyInline, isTooComplex, isTooLong } from './markdown-cost.ts';
import { sectionsOf } from './sections.ts';
import { atOnce, type Sliced } from './slices.ts';

const require = createRequire(import.meta.url);
/** Building its expressions takes a twentieth of a start, and many an answer is one plain line. */
const marked = (): typeof import('marked') => require('marked');

/** For texts no longer than a message; of others, `lexInSlices`. */
export const lexMarkdown = (markdown: string): readonly MarkedToken[] => atOnce(lexInSlices(markdown));

export function* lexInSlices(markdown: string): Sliced<readonly MarkedToken[]> {
  const text = markdown.replace(/\r\n?/g, '\n');
  return (yield* parse(text)) ?? (text === '' ? [] : [verbatim(text)]);
}

/** As `lexInSlices`, but null for a text that is too costly to parse: the caller shows it as it is. */
export function* parse(text: string): Sliced<readonly MarkedToken[] | null> {
  if (isTooLong(text)) return null;
  if (isPlain(text)) return [sentence(text)];
  const { Lexer } = marked();
  const lexer = new Lexer({ gfm: true, breaks: true });
  for (const section of sectionsOf(text)) {
    if (isTooComplex(section)) return null;
    // In the two steps of `Lexer.lex`, because only the first tells which texts go through the second.
    const from = lexer.inlineQueue.length;
    lexer.tokens.push(...lexer.blockTokens(section, []));
    yield;
    if (isCostlyInline(lexer.inlineQueue.slice(from).map(({ src }) => src))) return null;
    yield;
  }
  for (const { src, tokens } of lexer.inlineQueue) {
    lexer.inlineTokens(src, tokens);
    yield;
  }
  return lexer.tokens as MarkedToken[];
}

/** What Markdown can be made of, anywhere in a line, at its start, and at its ends. */
const MARKS = /[\\`*_~[\]<>&|:@\p{Cc}]|www\.|^(?:[-+=#]|\d+[.)])|^\s|\s$/iu;

/** Longer lines are rare. */
const SHORT = 1_000;

/** One line of nothing but text, as short answers and names often are: parsing it would tell what is known. */
const isPlain = (text: string): boolean => text !== '' && text.length <= SHORT && !MARKS.test(text);

/** As the parser gives it. */
const sentence = (text: string): MarkedToken => ({
  type: 'paragraph',
  raw: text,
  text,
  tokens: [{ type: 'text', raw: text, text, escaped: false }],
});

const verbatim = (text: string): MarkedToken => ({
  type: 'paragraph',
  raw: text,
  text,
  tokens: [{ type: 'escape', raw: text, text }],
});
