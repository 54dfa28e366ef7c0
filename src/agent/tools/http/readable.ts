/** The text of a page as a person would read it (pure): no scripts, nothing hidden, links with their addresses. */
import { tokensOf } from './html.ts';

/** Nothing in them is for reading. */
const left = new Set(
  (
    'script style noscript template svg math iframe object embed canvas audio video select nav head dialog ' +
    'noembed noframes xmp textarea'
  ).split(' '),
);

/** They end a line. */
const blocks = new Set(
  (
    'address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer form ' +
    'h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section summary table tbody tfoot thead tr ul'
  ).split(' '),
);

const empty = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));

/** Longer addresses are for machines. */
const MAX_LINK = 500;

export type Page = { readonly title: string; readonly text: string };

const isHidden = (attributes: ReadonlyMap<string, string>): boolean =>
  attributes.has('hidden') ||
  attributes.get('aria-hidden') === 'true' ||
  /display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])/i.test(
    attributes.get('style') ?? '',
  );

function linkTo(href: string | undefined, base: URL): string | null {
  if (href === undefined || href.startsWith('#') || !URL.canParse(href, base.href)) return null;
  const url = new URL(href, base);
  return /^https?:$/.test(url.protocol) && url.href.length <= MAX_LINK ? url.href : null;
}

const prefixOf = (name: string): string => {
  if (/^h[1-6]$/.test(name)) return `${'#'.repeat(Number(name[1]))} `;
  return name === 'li' ? '- ' : '';
};

/** @param base of relative links */
export function toReadable(html: string, base: URL): Page {
  const out: string[] = [];
  let title = '';
  let inTitle = false;
  let pre = 0;
  let links: (string | null)[] = [];
  /** The element that is being passed over, and how many of its name are open inside. */
  let passing: { readonly name: string; depth: number } | null = null;

  for (const token of tokensOf(html)) {
    if (token.kind === 'text') {
      if (inTitle && title === '') title = token.text.replaceAll(/\s+/g, ' ').trim();
      else if (passing === null && !inTitle)
        out.push(pre > 0 ? token.text : token.text.replaceAll(/\s+/g, ' '));
      continue;
    }
    const { kind, name, attributes } = token;
    if (name === 'title') {
      inTitle = kind === 'open' && (passing === null || passing.name === 'head');
      continue;
    }
    // A page without a closing head shows its body all the same.
    if (passing?.name === 'head' && name === 'body') passing = null;
    if (passing !== null) {
      if (name === passing.name) passing.depth += kind === 'open' ? 1 : -1;
      if (passing.depth === 0) passing = null;
      continue;
    }
    if (kind === 'open' && !empty.has(name) && (left.has(name) || isHidden(attributes))) {
      passing = { name, depth: 1 };
      continue;
    }
    if (name === 'br' || blocks.has(name)) out.push('\n');
    if (name === 'pre') pre = Math.max(0, pre + (kind === 'open' ? 1 : -1));
    if (name === 'td' || name === 'th') out.push(kind === 'open' ? ' ' : ' |');
    if (kind === 'open') out.push(prefixOf(name));
    if (name === 'img' && attributes.get('alt')) out.push(`[image: ${attributes.get('alt')}]`);
    if (name !== 'a') continue;
    if (kind === 'open') links = [...links.slice(-1), linkTo(attributes.get('href'), base)];
    const target = kind === 'close' ? (links.pop() ?? null) : null;
    if (target !== null) out.push(` (${target})`);
  }
  return { title, text: tidy(out.join('')) };
}

const tidy = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd().replace(/^ (?=\S)/, ''))
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
