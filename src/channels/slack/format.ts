/**
 * Markdown as Slack's `markdown` block takes it (pure), written anew from the syntax tree: links say their host,
 * images become links, HTML is text, and nothing an author wrote is a mention.
 */
import type { MarkedToken, Token, Tokens } from 'marked';
import { readLink } from '../link.ts';
import { lexInSlices } from '../markdown.ts';
import type { Sliced } from '../slices.ts';
import { splitAndRender, splitMarkdown } from '../split.ts';

/**
 * Characters of one message. The block takes 12,000, and about 13,200 were seen to be the most over all blocks of
 * a message: this leaves room for steps and buttons.
 */
export const PART_LENGTH = 11_000;

/** Markdown that makes a legal block each. */
export const splitToFit = (markdown: string, limit: number): Promise<string[]> =>
  splitMarkdown(markdown, {
    limit,
    *measure(part) {
      return (yield* toSlack(part)).length;
    },
  });

/** The parts of an answer, each a legal block; none for a blank text. */
export const toParts = (markdown: string): Promise<string[]> =>
  splitAndRender(markdown, { limit: PART_LENGTH, render: toSlack, measure: (text) => text.length });

export function* toSlack(markdown: string): Sliced<string> {
  const blocks: string[] = [];
  for (const token of yield* lexInSlices(markdown)) {
    // Whole, as pieces that mean nothing may mean something together.
    blocks.push(neutralize(block(token)));
    yield;
  }
  return blocks.join('').trimEnd();
}

/** Invisible, of no width, and no place to break a line: it only keeps Slack from seeing a mention. */
const JOINER = '\u2060';

/**
 * `<!channel>`, `<@U1>`, `<#C1>` and `<https://x|label>` mean something to Slack wherever they stand. None of the
 * expressions here looks past the start of the next candidate, so that many of them cost no more than their length (F45).
 */
export const neutralize = (text: string): string =>
  text.replace(
    /<(?=@[A-Z0-9]|#[A-Z0-9]|!(?:channel|here|everyone|subteam|date)\b|(?:https?|mailto):[^\s<>|]*[|<])/g,
    `<${JOINER}`,
  );

function block(generic: Token): string {
  const token = generic as MarkedToken;
  switch (token.type) {
    case 'space':
      return '\n\n';
    case 'def':
      // Shown, because the part that uses it may be another one.
      return `${token.raw.trim()}\n\n`;
    case 'code':
      return code(token);
    case 'heading':
      return `${'#'.repeat(token.depth)} ${inline(token.tokens)}\n\n`;
    case 'hr':
      return '---\n\n';
    case 'blockquote':
      return `${token.tokens.map(block).join('').trimEnd().replace(/^/gm, '> ')}\n\n`;
    case 'list':
      return `${token.items.map((item, index) => listItem(token, item, index)).join('')}\n`;
    case 'table':
      return table(token);
    case 'paragraph':
      return `${inline(token.tokens)}\n\n`;
    case 'text':
      return `${token.tokens === undefined ? token.text : inline(token.tokens)}\n`;
    case 'html':
      return `${token.text.trimEnd()}\n\n`;
    default:
      return inline([token]);
  }
}

function code(token: Tokens.Code): string {
  const longest = Math.max(0, ...[...token.text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  const language = /^[\w+#.-]{1,20}/.exec(token.lang ?? '')?.[0] ?? '';
  return `${fence}${language}\n${token.text}\n${fence}\n\n`;
}

function listItem(list: Tokens.List, item: Tokens.ListItem, index: number): string {
  const marker = list.ordered ? `${(list.start === '' ? 1 : list.start) + index}. ` : '- ';
  const box = item.task ? `[${item.checked ? 'x' : ' '}] ` : '';
  const inner = item.tokens
    .filter((token) => token.type !== 'checkbox')
    .map(block)
    .join('')
    .trimEnd();
  const body = inner.replace(/\n{3,}/g, '\n\n').replace(/\n(?=[^\n])/g, `\n${' '.repeat(marker.length)}`);
  return `${marker}${box}${body}\n`;
}

function table(token: Tokens.Table): string {
  const row = (cells: readonly Tokens.TableCell[]) =>
    `| ${cells.map((cell) => inline(cell.tokens).replace(/\n/g, ' ')).join(' | ')} |`;
  const rule = `| ${token.align.map((side) => (side === 'right' ? '---:' : side === 'center' ? ':---:' : '---')).join(' | ')} |`;
  return `${[row(token.header), rule, ...token.rows.map(row)].join('\n')}\n\n`;
}

const inline = (tokens: readonly Token[]): string => tokens.map(span).join('');

function span(generic: Token): string {
  const token = generic as MarkedToken;
  switch (token.type) {
    case 'strong':
      return `**${inline(token.tokens)}**`;
    case 'em':
      return `*${inline(token.tokens)}*`;
    case 'del':
      return `~~${inline(token.tokens)}~~`;
    case 'codespan':
      return token.raw;
    case 'br':
      return '\n';
    case 'link':
      return link(token.href, inline(token.tokens), token.text);
    case 'image':
      return link(token.href, `Image: ${token.text || 'no description'}`, undefined);
    case 'checkbox':
      return token.checked ? '[x] ' : '[ ] ';
    case 'text':
      return token.tokens === undefined ? token.raw : inline(token.tokens);
    default:
      return token.raw;
  }
}

function link(href: string, shown: string, text: string | undefined): string {
  const found = readLink(href, text);
  if (found === undefined) return text === href ? shown : `${shown} (${href})`;
  const { url, place, isBare } = found;
  if (isBare) return url.href.replace(/\/$/, href.endsWith('/') ? '/' : '');
  return `[${shown.replace(/[[\]]/g, '\\$&')}](${url.href.replace(/[()]/g, (c) => (c === '(' ? '%28' : '%29'))}) (${place})`;
}

/** Markdown that may yet become a link or a mention when more arrives. */
const OPEN_TAIL = /(?:\[[^\]\n]{0,300}(?:\](?:\([^)\s]{0,1000})?)?|<[^>\s]{0,40}|!)$/;

/** What it matches at most, and a little. */
const LONGEST_TAIL = 1_400;

/**
 * What of a growing text can be shown: only ever longer when the text grows. It is a sketch, replaced at the end;
 * mentions and masked links are kept out of it all the same.
 */
export function toLive(markdown: string): string {
  const end = Math.max(0, markdown.length - LONGEST_TAIL);
  const settled = markdown.slice(0, end) + markdown.slice(end).replace(OPEN_TAIL, '');
  const withHosts = settled.replace(/\]\((https?:\/\/(?:[^)\]\s]|\](?!\())+)\)/g, (all, href: string) =>
    URL.canParse(href) ? `${all} (${new URL(href).host})` : all,
  );
  return neutralize(withHosts);
}
