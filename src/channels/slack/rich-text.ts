/**
 * Markdown as Slack's rich text (pure): structure instead of markup, so that no text can become anything else.
 * Modals take it, where the `markdown` block is not allowed.
 */
import type { types } from '@slack/bolt';
import type { MarkedToken, Token, Tokens } from 'marked';
import { lexInSlices } from '../markdown.ts';
import type { Sliced } from '../slices.ts';

type Block = types.RichTextBlockElement;
type Span = types.RichTextElement;
type Style = { readonly bold?: true; readonly italic?: true; readonly strike?: true; readonly code?: true };

export function* toRichText(markdown: string): Sliced<Block[]> {
  return (yield* lexInSlices(markdown)).flatMap(block);
}

export const plainSection = (text: string, style: Style = {}): types.RichTextSection => ({
  type: 'rich_text_section',
  elements: text === '' ? [] : [{ type: 'text', text, style }],
});

export const preformatted = (text: string): types.RichTextPreformatted => ({
  type: 'rich_text_preformatted',
  elements: [{ type: 'text', text: text === '' ? ' ' : text }],
});

const section = (elements: Span[]): Block[] =>
  elements.length === 0
    ? []
    : [{ type: 'rich_text_section', elements: [...elements, { type: 'text', text: '\n' }] }];

function block(generic: Token): Block[] {
  const token = generic as MarkedToken;
  switch (token.type) {
    case 'space':
    case 'def':
      return [];
    case 'code':
      return [preformatted(token.text)];
    case 'heading':
      return section(inline(token.tokens, { bold: true }));
    case 'hr':
      return section([{ type: 'text', text: '———' }]);
    case 'blockquote':
      return [{ type: 'rich_text_quote', elements: token.tokens.flatMap((one) => inlineOf(one)) }];
    case 'list':
      return list(token, 0);
    case 'table':
      return [preformatted(token.raw.trimEnd())];
    default:
      return section(inlineOf(token));
  }
}

function list(token: Tokens.List, indent: number): Block[] {
  return token.items.flatMap((item, index): Block[] => {
    const nested = item.tokens.filter((one) => one.type === 'list');
    const own = item.tokens.filter((one) => one.type !== 'list');
    const start = token.start === '' ? 1 : token.start;
    return [
      {
        type: 'rich_text_list',
        style: token.ordered ? 'ordered' : 'bullet',
        indent,
        ...(token.ordered ? { offset: start - 1 + index } : {}),
        elements: [{ type: 'rich_text_section', elements: own.flatMap((one) => inlineOf(one)) }],
      },
      ...nested.flatMap((one) => list(one as Tokens.List, Math.min(indent + 1, MAX_INDENT))),
    ];
  });
}

/** Slack's own bound. */
const MAX_INDENT = 8;

function inlineOf(generic: Token): Span[] {
  const token = generic as MarkedToken;
  if ('tokens' in token && token.tokens !== undefined && token.type !== 'link')
    return inline(token.tokens, {});
  if (token.type === 'space') return [{ type: 'text', text: '\n' }];
  return inline([token], {});
}

const inline = (tokens: readonly Token[], style: Style): Span[] =>
  tokens.flatMap((token) => span(token, style));

function span(generic: Token, style: Style): Span[] {
  const token = generic as MarkedToken;
  const text = (value: string, extra: Style = {}): Span[] =>
    value === '' ? [] : [{ type: 'text', text: value, style: { ...style, ...extra } }];
  switch (token.type) {
    case 'strong':
      return inline(token.tokens, { ...style, bold: true });
    case 'em':
      return inline(token.tokens, { ...style, italic: true });
    case 'del':
      return inline(token.tokens, { ...style, strike: true });
    case 'codespan':
      return text(token.text, { code: true });
    case 'br':
      return text('\n');
    case 'escape':
      return text(token.text);
    case 'link':
    case 'image':
      return link(token, style);
    case 'text':
      return token.tokens === undefined ? text(token.text) : inline(token.tokens, style);
    default:
      return text('text' in token && typeof token.text === 'string' ? token.text : token.raw);
  }
}

/** Its address follows the text unless it is the text (A38). */
function link(token: Tokens.Link | Tokens.Image, style: Style): Span[] {
  const url = URL.canParse(token.href) ? new URL(token.href) : undefined;
  const plain: Span = { type: 'text', text: `${token.text} (${token.href})`, style };
  if (url === undefined || !/^https?:$/.test(url.protocol)) return [plain];
  const target: Span = { type: 'link', url: url.href, text: token.text || url.href, style };
  return token.text === token.href ? [target] : [target, { type: 'text', text: ` (${url.host})`, style }];
}
