/**
 * Markdown to Telegram's HTML (pure). We walk the syntax tree and write every tag ourselves; what the author wrote
 * only ever becomes escaped text.
 */
import type { MarkedToken, Token, Tokens } from 'marked';
import { readLink } from '../link.ts';
import { lexInSlices } from '../markdown.ts';
import { atOnce, type Sliced } from '../slices.ts';

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (c) => entities[c] ?? c);

/** Keeps `@name` from ringing anybody: an invisible joiner behind the sign ends the name before it begins (A37). */
export const neutral = (text: string): string => text.replace(/@(?=\w)/g, '@\u2060');

/** Words, in which the author may name a character by its reference (`&copy;`). */
export const decoded = (text: string): string =>
  text.replace(/&(#\d{1,7}|#[xX][\da-fA-F]{1,6}|lt|gt|amp|quot|apos|nbsp|copy|mdash|ndash|hellip);/g, named);

/** An address keeps its `@`. */
function prose(text: string): string {
  return escapeHtml(decoded(text).replace(/(^|[^\w.+-])@(?=\w)/g, '$1@\u2060'));
}

const references: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  copy: '©',
  mdash: '—',
  ndash: '–',
  hellip: '…',
};

function named(whole: string, name: string): string {
  if (!name.startsWith('#')) return references[name] ?? whole;
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  const isCharacter = code > 0x1f && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : whole;
}

/** For a text no longer than a message. */
export const renderMarkdown = (markdown: string): string => atOnce(renderInSlices(markdown));

export function* renderInSlices(markdown: string): Sliced<string> {
  const html = blocks(yield* lexInSlices(markdown)).trim();
  // Telegram refuses a message in which nothing is to be read: its marks are shown then.
  const isBlank = html.startsWith('<') && html.replace(/<[^>]*>/g, '').trim() === '';
  return isBlank ? escapeHtml(neutral(markdown.trim())) : html;
}

/** Telegram keeps this many entities of a message and drops the formatting of the rest. */
const MAX_ENTITIES = 100;

/** For splitting: the length as sent, or more where the number of entities is what limits. */
export function measureHtml(html: string, limit: number): number {
  const count = html.match(/<[a-z]/g)?.length ?? 0;
  return Math.max(html.length, Math.ceil((count * limit) / MAX_ENTITIES));
}

function blocks(tokens: readonly Token[]): string {
  const shown = (tokens as readonly MarkedToken[]).map(block).filter((html) => html !== '');
  return shown.join('\n\n');
}

function block(token: MarkedToken): string {
  switch (token.type) {
    case 'space':
      return '';
    case 'def':
      // Shown, because the part that uses it may be another one.
      return prose(token.raw.trim());
    case 'code':
      return pre(token.text, token.lang);
    case 'heading':
      return `<b>${inline(token.tokens)}</b>`;
    case 'hr':
      return '———';
    case 'blockquote':
      // Quotes cannot be nested here, so the inner ones keep their sign.
      return `<blockquote>${blocks(token.tokens).replaceAll('<blockquote>', '&gt; ').replaceAll('</blockquote>', '')}</blockquote>`;
    case 'list':
      return list(token, '');
    case 'table':
      return table(token);
    case 'html':
      return escapeHtml(neutral(token.text.trimEnd()));
    case 'paragraph':
      return inline(token.tokens);
    case 'text':
      return token.tokens === undefined ? prose(token.text) : inline(token.tokens);
    default:
      return inline([token]);
  }
}

export function pre(text: string, language?: string): string {
  const name = /^[\w+#.-]{1,20}/.exec(language ?? '')?.[0];
  const body = escapeHtml(text);
  return name === undefined
    ? `<pre>${body}</pre>`
    : `<pre><code class="language-${name}">${body}</code></pre>`;
}

function list(token: Tokens.List, indent: string): string {
  const start = typeof token.start === 'number' ? token.start : 1;
  const lines = token.items.map((item, index) => {
    const marker = token.ordered ? `${start + index}. ` : '• ';
    const box = item.task ? (item.checked ? '[x] ' : '[ ] ') : '';
    return `${indent}${marker}${box}${itemBody(item, `${indent}   `)}`;
  });
  return lines.join('\n');
}

function itemBody(item: Tokens.ListItem, indent: string): string {
  const inner = (item.tokens as readonly MarkedToken[]).filter((token) => token.type !== 'checkbox');
  const shown = inner.map((token) => (token.type === 'list' ? list(token, indent) : block(token)));
  return shown.filter((html) => html !== '').join('\n');
}

/** Columns of equal width, in a type that keeps them so. */
function table(token: Tokens.Table): string {
  const rows = [token.header, ...token.rows].map((row) => row.map((cell) => plain(cell.tokens)));
  const widths = token.header.map((_, at) => Math.max(...rows.map((row) => width(row[at] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => pad(cell, widths[at] ?? 0, token.align[at] === 'right'))
      .join(' | ')
      .trimEnd();
  const [head = [], ...body] = rows;
  const rule = widths.map((columns) => '-'.repeat(columns)).join('-+-');
  return pre([line(head), rule, ...body.map(line)].join('\n'));
}

const width = (text: string): number => [...text].length;

function pad(text: string, columns: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, columns - width(text)));
  return right ? space + text : text + space;
}

/** The words alone, with where links go. */
function plain(tokens: readonly Token[]): string {
  return (tokens as readonly MarkedToken[])
    .map((token) => {
      if (token.type === 'link' && token.text !== token.href) return `${plain(token.tokens)} (${token.href})`;
      if ('tokens' in token && token.tokens !== undefined) return plain(token.tokens);
      return 'text' in token ? token.text : token.raw;
    })
    .join('')
    .replace(/\n/g, ' ');
}

const inline = (tokens: readonly Token[]): string => (tokens as readonly MarkedToken[]).map(span).join('');

function span(token: MarkedToken): string {
  switch (token.type) {
    case 'strong':
      return `<b>${inline(token.tokens)}</b>`;
    case 'em':
      return `<i>${inline(token.tokens)}</i>`;
    case 'del':
      return `<s>${inline(token.tokens)}</s>`;
    case 'codespan':
      return `<code>${escapeHtml(token.text)}</code>`;
    case 'br':
      return '\n';
    case 'escape':
      return escapeHtml(neutral(token.text));
    case 'link':
      return link(token.href, inline(token.tokens), token.text);
    case 'image':
      return link(token.href, `Image: ${prose(token.text || 'no description')}`, undefined);
    case 'text':
      return token.tokens === undefined ? prose(token.text) : inline(token.tokens);
    default:
      return escapeHtml(neutral(token.raw));
  }
}

function link(href: string, html: string, text: string | undefined): string {
  const found = readLink(href, text);
  if (found === undefined) return text === href ? html : `${html} (${escapeHtml(neutral(href))})`;
  const place = found.isBare ? '' : ` (${escapeHtml(found.place)})`;
  return `<a href="${escapeHtml(found.url.href)}">${unlinked(html)}</a>${place}`;
}

/** A link inside a link (an address in its text) would end the outer one. */
const unlinked = (html: string): string => html.replace(/<\/?a\b[^>]*>/g, '');
