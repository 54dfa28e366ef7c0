/**
 * Markdown to safe HTML blocks (pure). We walk the parser's tree and write every tag ourselves; what the author
 * wrote only ever becomes escaped text. Images become links: loading one would tell its server who reads (A28).
 */
import type { MarkedToken, Token } from 'marked';
import { readLink } from '../link.ts';
import { parse } from '../markdown.ts';
import { atOnce, inSlices, type Sliced } from '../slices.ts';

/** One top-level block: `raw` is the source it came from, so that a growing text can keep its finished blocks. */
export type Block = { readonly raw: string; readonly html: string };

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => entities[c] ?? c);

/** Escapes prose, where the author may name a character by its reference (`&copy;`), as Markdown allows. */
const escapeProse = (text: string): string =>
  text
    .replace(/&(?!(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)/g, '&amp;')
    .replace(/[<>"']/g, (c) => entities[c] ?? c);

/** For a text no longer than a few paragraphs. */
export const renderBlocks = (markdown: string): Block[] => atOnce(blocksInSlices(markdown));

function* blocksInSlices(markdown: string): Sliced<Block[]> {
  const text = markdown.replace(/\r\n?/g, '\n');
  const tokens = yield* parse(text);
  if (tokens === null) return [asIs(text)];
  const blocks: Block[] = [];
  let pending = '';
  for (const token of tokens) {
    const html = block(token);
    yield;
    if (html === '') {
      pending += token.raw;
      continue;
    }
    blocks.push({ raw: pending + token.raw, html });
    pending = '';
  }
  return blocks;
}

export const renderMarkdown = async (markdown: string): Promise<string[]> =>
  (await inSlices(blocksInSlices(markdown))).map((block) => block.html);

const asIs = (text: string): Block => ({ raw: text, html: `<p class="plain">${escapeHtml(text)}</p>` });

function block(generic: Token): string {
  const token = generic as MarkedToken;
  switch (token.type) {
    case 'space':
    case 'def':
      return '';
    case 'code':
      return code(token.text, token.lang);
    case 'heading':
      // One level in the page's outline, whatever the author chose; the class keeps the look.
      return `<h3 class="h${token.depth}">${inline(token.tokens)}</h3>`;
    case 'hr':
      return '<hr>';
    case 'blockquote':
      return `<blockquote>${token.tokens.map(block).join('')}</blockquote>`;
    case 'list': {
      const items = token.items.map((item) => `<li>${item.tokens.map(block).join('')}</li>`).join('');
      if (!token.ordered) return `<ul>${items}</ul>`;
      return token.start === '' || token.start === 1
        ? `<ol>${items}</ol>`
        : `<ol start="${Number(token.start)}">${items}</ol>`;
    }
    case 'table': {
      const cell = (tag: 'th' | 'td') => (entry: (typeof token.header)[number]) =>
        `<${tag}${entry.align === null ? '' : ` class="${entry.align}"`}>${inline(entry.tokens)}</${tag}>`;
      const head = `<tr>${token.header.map(cell('th')).join('')}</tr>`;
      const rows = token.rows.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`).join('');
      return `<div class="table" tabindex="0" role="region" aria-label="Table"><table><thead>${head}</thead><tbody>${rows}</tbody></table></div>`;
    }
    case 'paragraph':
      return `<p>${inline(token.tokens)}</p>`;
    case 'html':
      return `<p class="plain">${escapeHtml(token.text.trimEnd())}</p>`;
    case 'text':
      // The content of a tight list item.
      return token.tokens === undefined ? escapeProse(token.text) : inline(token.tokens);
    case 'checkbox':
      return token.checked ? '<span class="task">[x]</span> ' : '<span class="task">[ ]</span> ';
    default:
      return inline([token]);
  }
}

function inline(tokens: readonly Token[]): string {
  return tokens.map(span).join('');
}

function span(generic: Token): string {
  const token = generic as MarkedToken;
  switch (token.type) {
    case 'strong':
      return `<strong>${inline(token.tokens)}</strong>`;
    case 'em':
      return `<em>${inline(token.tokens)}</em>`;
    case 'del':
      return `<del>${inline(token.tokens)}</del>`;
    case 'codespan':
      return `<code>${escapeHtml(token.text)}</code>`;
    case 'br':
      return '<br>';
    case 'escape':
      return escapeHtml(token.text);
    case 'link':
      return link(token.href, inline(token.tokens), token.text);
    case 'image':
      return link(token.href, `Image: ${escapeProse(token.text || 'no description')}`, undefined);
    case 'checkbox':
      return token.checked ? '[x] ' : '[ ] ';
    case 'text':
      return token.tokens === undefined ? escapeProse(token.text) : inline(token.tokens);
    default:
      return escapeHtml(token.raw);
  }
}

function link(href: string, html: string, text: string | undefined): string {
  const found = readLink(href, text);
  if (found === undefined) return text === href ? html : `${html} (${escapeHtml(href)})`;
  const { url, isBare } = found;
  const place = isBare ? '' : ` <bdi class="host">(${escapeHtml(found.place)})</bdi>`;
  return `<a href="${escapeHtml(url.href)}" target="_blank" rel="noopener noreferrer nofollow">${html}</a>${place}`;
}

function code(text: string, lang: string | undefined): string {
  const name = /^[\w+#.-]{1,20}/.exec(lang ?? '')?.[0] ?? '';
  return (
    `<div class="code"><div class="code-head"><span>${escapeHtml(name || 'text')}</span>` +
    '<button type="button" class="copy" data-copy>Copy</button></div>' +
    `<pre tabindex="0" role="region" aria-label="Code"><code>${escapeHtml(text)}</code></pre></div>`
  );
}
