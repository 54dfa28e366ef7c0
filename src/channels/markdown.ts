/**
 * The one syntax tree that every platform's markup is written from (pure). Texts that would hold the parser up for
 * long, and with it everybody, come back as one block of plain text.
 */
import { Lexer, type MarkedToken } from 'marked';
import { isCostlyInline, isTooComplex } from './markdown-cost.ts';

export function lexMarkdown(markdown: string): readonly MarkedToken[] {
  const text = markdown.replace(/\r\n?/g, '\n');
  return parse(text) ?? (text === '' ? [] : [plain(text)]);
}

/** As `lexMarkdown`, but null for a text that is too costly to parse: the caller shows it as it is. */
export function parse(text: string): readonly MarkedToken[] | null {
  if (isTooComplex(text)) return null;
  // In the two steps of `Lexer.lex`, because only the first tells which texts go through the second.
  const lexer = new Lexer({ gfm: true, breaks: true });
  lexer.blockTokens(text, lexer.tokens);
  if (isCostlyInline(lexer.inlineQueue.map(({ src }) => src))) return null;
  for (const { src, tokens } of lexer.inlineQueue) lexer.inlineTokens(src, tokens);
  return lexer.tokens as MarkedToken[];
}

const plain = (text: string): MarkedToken => ({
  type: 'paragraph',
  raw: text,
  text,
  tokens: [{ type: 'escape', raw: text, text }],
});
