/**
 * Markdown to Discord's dialect (pure), written anew from the syntax tree: what the author wrote as text stays text.
 * Nobody is rung, nothing is hidden (spoilers), and a link always shows its whole address (A37, A38).
 */
import type { MarkedToken, Token, Tokens } from 'marked';
import { readLink } from '../link.ts';
import { lexInSlices } from '../markdown.ts';
import { atOnce, type Sliced } from '../slices.ts';

/** Characters of one message. */
export const MAX_CONTENT = 2000;

/** For a text no longer than a few messages. */
export const renderMarkdown = (markdown: string): string => atOnce(renderInSlices(markdown));

export function* renderInSlices(markdown: string): Sliced<string> {
  return blocks(yield* lexInSlices(markdown)).trim();
}

const references: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': ' ',
};

/**
 * What Discord would read as more than text: emphasis, code, underline, strike-out, spoilers, mentions and other
 * things in angle brackets, and signs that mean something at the start of a line.
 */
const meaningful =
  /\\(?=[^0-9A-Za-z\s]|$)|[*`]|__|~~|\|\||<(?=[@#:]|a:|t:|id:|\/[^>\n]{1,80}:\d)|(?<=^|\n)(?:-#|#{1,3}|>{1,3})(?=\s)/g;

/** Plain text, shown as it is. */
export const escapeText = (text: string): string =>
  text
    .replace(meaningful, (found) => [...found].map((character) => `\\${character}`).join(''))
    .replace(/@(?=everyone|here)/g, '@\u200b');

const prose = (text: string): string =>
  escapeText(text.replace(/&(?:lt|gt|amp|quot|#39|nbsp);/g, (name) => references[name] ?? name));

function blocks(tokens: readonly Token[]): string {
  let text = '';
  let glue = '';
  for (const token of tokens as readonly MarkedToken[]) {
    const shown = block(token);
    if (shown === '') continue;
    text += glue + shown;
    glue = token.type === 'heading' ? '\n' : '\n\n';
  }
  return text;
}

/** Discord knows three levels. */
const MAX_HEADING = 3;

function block(token: MarkedToken): string {
  switch (token.type) {
    case 'space':
      return '';
    case 'def':
      // Shown, because the part that uses it may be another one.
      return prose(token.raw.trim());
    case 'code':
      return codeBlock(token.text, token.lang);
    case 'heading':
      return token.depth > MAX_HEADING
        ? `**${inline(token.tokens)}**`
        : `${'#'.repeat(token.depth)} ${inline(token.tokens)}`;
    case 'hr':
      return '———';
    case 'blockquote':
      return blocks(token.tokens).replace(/^/gm, '> ');
    case 'list':
      return list(token);
    case 'table':
      return codeBlock(table(token));
    case 'html':
      return escapeText(token.text.trimEnd());
    case 'paragraph':
      return inline(token.tokens);
    case 'text':
      return token.tokens === undefined ? prose(token.text) : inline(token.tokens);
    default:
      return inline([token]);
  }
}

/** There are no longer fences on Discord: an inner one is kept from closing the block by an invisible space. */
export function codeBlock(text: string, language?: string): string {
  const name = /^[\w+#.-]{1,20}/.exec(language ?? '')?.[0] ?? '';
  return `\`\`\`${name}\n${text.replace(/`(?=``)/g, '`\u200b')}\n\`\`\``;
}

function list(token: Tokens.List): string {
  const start = typeof token.start === 'number' ? token.start : 1;
  return token.items
    .map((item, index) => {
      const marker = token.ordered ? `${start + index}. ` : '- ';
      const box = item.task ? (item.checked ? '[x] ' : '[ ] ') : '';
      return `${marker}${box}${itemBody(item).replace(/\n(?=[^\n])/g, `\n${' '.repeat(marker.length)}`)}`;
    })
    .join('\n');
}

function itemBody(item: Tokens.ListItem): string {
  const inner = (item.tokens as readonly MarkedToken[]).filter((token) => token.type !== 'checkbox');
  return inner
    .map(block)
    .filter((text) => text !== '')
    .join('\n');
}

/** Discord has no tables: columns in a block of fixed width. */
function table(token: Tokens.Table): string {
  const rows = [token.header, ...token.rows].map((row) => row.map((cell) => plain(cell.tokens)));
  const widths = token.header.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map((width) => '-'.repeat(Math.max(1, width))).join('  ');
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

/** The words of a cell, without markup; links with their address. */
function plain(tokens: readonly Token[]): string {
  return (tokens as readonly MarkedToken[])
    .map((token) => {
      if (token.type === 'link' || token.type === 'image')
        return token.text === token.href ? token.href : `${token.text} (${token.href})`;
      if ('tokens' in token && token.tokens !== undefined) return plain(token.tokens);
      if (token.type === 'br') return ' ';
      return 'text' in token && typeof token.text === 'string' ? token.text : token.raw;
    })
    .join('');
}

const inline = (tokens: readonly Token[]): string => (tokens as readonly MarkedToken[]).map(span).join('');

function span(token: MarkedToken): string {
  switch (token.type) {
    case 'strong':
      return `**${inline(token.tokens)}**`;
    case 'em':
      return `*${inline(token.tokens)}*`;
    case 'del':
      return `~~${inline(token.tokens)}~~`;
    case 'codespan':
      return codeSpan(token.text);
    case 'br':
      return '\n';
    case 'escape':
      // Whole texts come this way too, when they are too much for the parser.
      if (token.text === '@') return '@\u200b';
      return token.text.length === 1 ? `\\${token.text}` : escapeText(token.text);
    case 'link':
      return link(token.href, inline(token.tokens), token.text);
    case 'image':
      return link(token.href, `Image: ${prose(token.text || 'no description')}`, undefined);
    case 'checkbox':
      return token.checked ? '[x] ' : '[ ] ';
    case 'text':
      return token.tokens === undefined ? prose(token.text) : inline(token.tokens);
    default:
      return escapeText(token.raw);
  }
}

function codeSpan(text: string): string {
  if (!text.includes('`')) return `\`${text}\``;
  return `\`\` ${text.replace(/`(?=`)/g, '`\u200b')} \`\``;
}

/** In angle brackets, which show the whole address and no preview. */
function link(href: string, shown: string, text: string | undefined): string {
  const found = readLink(href, text);
  if (found === undefined) return text === href ? shown : `${shown} (${escapeText(href)})`;
  const { url, place, isBare } = found;
  const address = url.protocol === 'mailto:' ? escapeText(place) : `<${url.href}>`;
  return isBare ? address : `${shown} (${address})`;
}
