/**
 * Markdown as the blocks of Telegram's rich messages (pure): headings, tables and lists as such. Words are strings in
 * a structure, never markup, and Telegram is told to look for no names or addresses in them (A37, A38).
 */
import type { InputRichMessageWithoutUpload, RichText } from 'grammy/types';
import type { MarkedToken, Token, Tokens } from 'marked';
import { readLink } from '../link.ts';
import { lexInSlices } from '../markdown.ts';
import { atOnce, type Sliced } from '../slices.ts';
import { decoded } from './format.ts';

export type RichBlock = NonNullable<InputRichMessageWithoutUpload['blocks']>[number];

/** Telegram's limits for one message. Its characters are counted as ours at most. */
export const MAX_RICH = 32_768;
const MAX_BLOCKS = 500;
const MAX_COLUMNS = 20;
/** Telegram has 16 levels of blocks and formatting together; what lies deeper is shown as text. */
const MAX_DEPTH = 12;

export const richMessage = (blocks: readonly RichBlock[]): InputRichMessageWithoutUpload => ({
  blocks: [...blocks],
  skip_entity_detection: true,
});

/** For a text no longer than an ordinary message. */
export const toRich = (markdown: string): RichBlock[] => atOnce(toRichInSlices(markdown));

export function* toRichInSlices(markdown: string): Sliced<RichBlock[]> {
  const blocks = blocksOf(yield* lexInSlices(markdown), 0);
  // Telegram refuses a message in which nothing is to be read: its marks are shown then.
  return isBlank(blocks) ? [paragraph(markdown.trim())] : blocks;
}

function isBlank(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() === '';
  if (Array.isArray(value)) return value.every(isBlank);
  if (typeof value !== 'object' || value === null) return true;
  return ['text', 'blocks', 'items', 'cells'].every((name) => isBlank(Reflect.get(value, name)));
}

/** For splitting: the length, or more where the number of blocks is what limits. */
export function* measureRich(markdown: string, limit: number): Sliced<number> {
  const { characters, blocks } = sizeOf(yield* toRichInSlices(markdown));
  return Math.max(characters, Math.ceil((blocks * limit) / MAX_BLOCKS));
}

export const paragraph = (text: RichText): RichBlock => ({ type: 'paragraph', text });

/** What is being done, in a draft only. */
export const thinking = (text: string): RichBlock => ({ type: 'thinking', text });

export const folded = (lines: readonly string[]): RichBlock => ({
  type: 'expandable_blockquote',
  text: lines.join('\n'),
});

/** Strings and blocks at any depth: all that both limits count. */
function sizeOf(value: unknown): { characters: number; blocks: number } {
  if (typeof value === 'string') return { characters: value.length, blocks: 0 };
  if (typeof value !== 'object' || value === null) return { characters: 0, blocks: 0 };
  // Items of a list and rows of a table count as blocks; everything with a type is one, or as long as one.
  const own = 'type' in value || 'blocks' in value || Array.isArray(value) ? 1 : 0;
  const sizes = Object.values(value).map(sizeOf);
  return {
    characters: sizes.reduce((sum, size) => sum + size.characters, 0),
    blocks: sizes.reduce((sum, size) => sum + size.blocks, own),
  };
}

const blocksOf = (tokens: readonly Token[], depth: number): RichBlock[] =>
  (tokens as readonly MarkedToken[]).flatMap((token) => block(token, depth));

function block(token: MarkedToken, depth: number): RichBlock[] {
  switch (token.type) {
    case 'space':
      return [];
    case 'def':
      // Shown, because the part that uses it may be another one.
      return [paragraph(token.raw.trim())];
    case 'code':
      return [code(token)];
    case 'heading':
      return [{ type: 'heading', text: inline(token.tokens, depth), size: sizeOfHeading(token.depth) }];
    case 'hr':
      return [{ type: 'divider' }];
    case 'blockquote':
      if (depth >= MAX_DEPTH) return [paragraph(token.raw.trim())];
      return [{ type: 'blockquote', blocks: filled(blocksOf(token.tokens, depth + 1)) }];
    case 'list':
      return depth >= MAX_DEPTH ? [paragraph(token.raw.trim())] : [list(token, depth)];
    case 'table':
      return [table(token, depth)];
    case 'html':
      return [paragraph(token.text.trimEnd())];
    case 'paragraph':
      return [paragraph(inline(token.tokens, depth))];
    case 'text':
      return [paragraph(token.tokens === undefined ? decoded(token.text) : inline(token.tokens, depth))];
    default:
      return [paragraph(inline([token], depth))];
  }
}

const sizes = [1, 2, 3, 4, 5, 6] as const;
const sizeOfHeading = (depth: number) => sizes[depth - 1] ?? 6;

/** Telegram refuses empty ones. */
const filled = (blocks: RichBlock[]): RichBlock[] => (blocks.length === 0 ? [paragraph(' ')] : blocks);

function code({ text, lang }: Pick<Tokens.Code, 'text' | 'lang'>): RichBlock {
  const language = /^[\w+#.-]{1,20}/.exec(lang ?? '')?.[0];
  return { type: 'pre', text: text === '' ? ' ' : text, ...(language === undefined ? {} : { language }) };
}

function list(token: Tokens.List, depth: number): RichBlock {
  const start = typeof token.start === 'number' ? token.start : 1;
  const items = token.items.map((item, index) => ({
    blocks: filled(
      blocksOf(
        item.tokens.filter((inner) => inner.type !== 'checkbox'),
        depth + 2,
      ),
    ),
    ...(token.ordered ? { value: start + index, type: '1' as const } : {}),
    ...(item.task ? { has_checkbox: true as const } : {}),
    ...(item.task && item.checked === true ? { is_checked: true as const } : {}),
  }));
  return { type: 'list', items };
}

function table(token: Tokens.Table, depth: number): RichBlock {
  if (token.header.length > MAX_COLUMNS) return code({ text: token.raw.trimEnd() });
  const cell = (one: Tokens.TableCell) => ({
    text: inline(one.tokens, depth + 2),
    align: one.align ?? ('left' as const),
    valign: 'middle' as const,
    ...(one.header ? { is_header: true as const } : {}),
  });
  return {
    type: 'table',
    cells: [token.header, ...token.rows].map((row) => row.map(cell)),
    is_bordered: true,
  };
}

function inline(tokens: readonly Token[], depth: number): RichText {
  const spans = (tokens as readonly MarkedToken[]).map((token) => span(token, depth));
  const [only = ' '] = spans;
  return spans.length > 1 ? spans : only;
}

function span(token: MarkedToken, depth: number): RichText {
  if (depth >= MAX_DEPTH) return token.raw;
  switch (token.type) {
    case 'strong':
      return { type: 'bold', text: inline(token.tokens, depth + 1) };
    case 'em':
      return { type: 'italic', text: inline(token.tokens, depth + 1) };
    case 'del':
      return { type: 'strikethrough', text: inline(token.tokens, depth + 1) };
    case 'codespan':
      return { type: 'code', text: token.text };
    case 'br':
      return '\n';
    case 'checkbox':
      // The item has it.
      return '';
    case 'escape':
      return token.text;
    case 'link':
      return link(token.href, inline(token.tokens, depth + 1), token.text);
    case 'image':
      return link(token.href, `Image: ${decoded(token.text || 'no description')}`, undefined);
    case 'text':
      return token.tokens === undefined ? decoded(token.text) : inline(token.tokens, depth);
    default:
      return token.raw;
  }
}

function link(href: string, shown: RichText, text: string | undefined): RichText {
  const found = readLink(href, text);
  if (found === undefined) return text === href ? shown : [shown, ` (${href})`];
  const { url, place, isBare } = found;
  const linked: RichText = { type: 'url', text: wordsOf(shown), url: url.href };
  return isBare ? linked : [linked, ` (${place})`];
}

/** A link inside a link (an address in its text) would lead elsewhere. */
function wordsOf(text: RichText): string {
  if (typeof text === 'string') return text;
  if (Array.isArray(text)) return text.map(wordsOf).join('');
  return 'text' in text ? wordsOf(text.text) : '';
}
