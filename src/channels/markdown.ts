/**
 * The one syntax tree that every platform's markup is written from (pure). Texts that would hold the parser up for
 * long, and with it everybody, come back as one block of plain text.
 */
import { Lexer, type MarkedToken } from 'marked';

/** Longer texts are shown as they are. */
const MAX_PARSED = 200_000;
/** Deeper nesting is no longer prose, and each level costs the parser a pass over the text. */
const MAX_DEPTH = 30;

export function lexMarkdown(markdown: string): readonly MarkedToken[] {
  const text = markdown.replace(/\r\n?/g, '\n');
  if (text === '') return [];
  if (isTooComplex(text)) return [plain(text)];
  return new Lexer({ gfm: true, breaks: true }).lex(text) as MarkedToken[];
}

/** Too long or too deep to be parsed. */
export const isTooComplex = (text: string): boolean => text.length > MAX_PARSED || isTooDeep(text);

const plain = (text: string): MarkedToken => ({
  type: 'paragraph',
  raw: text,
  text,
  tokens: [{ type: 'escape', raw: text, text }],
});

/** Markers that open a level each, counted at the start of a line or in a row. */
function isTooDeep(text: string): boolean {
  for (const [run] of text.matchAll(/^(?:[ \t]*(?:>|[-*+]|\d{1,9}[.)])[ \t]*){3,}|[[*_~(!]{3,}/gm)) {
    const isRule = /^[ \t]*([-*_])(?:[ \t]*\1)*[ \t]*$/.test(run);
    if (!isRule && run.replace(/[\s\d]/g, '').length > MAX_DEPTH) return true;
  }
  return false;
}
