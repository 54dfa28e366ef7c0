/** HTML cut into tags and text in one pass over it (pure): broken markup costs no more time than good markup. */

export type Token =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'open' | 'close';
      readonly name: string;
      readonly attributes: ReadonlyMap<string, string>;
    };

/** Elements whose content is not markup; it ends at their own closing tag only. */
const rawText = new Set(['script', 'style', 'textarea', 'title', 'noembed', 'noframes', 'iframe', 'xmp']);

const named = new Map(
  Object.entries({
    ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', copy: '©', reg: '®', trade: '™' },
    ...{ mdash: '—', ndash: '–', hellip: '…', bull: '•', middot: '·', laquo: '«', raquo: '»', times: '×' },
    ...{ lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', sect: '§', para: '¶', deg: '°', plusmn: '±' },
    ...{ euro: '€', pound: '£', yen: '¥', cent: '¢', larr: '←', rarr: '→', uarr: '↑', darr: '↓' },
    ...{ auml: 'ä', ouml: 'ö', uuml: 'ü', Auml: 'Ä', Ouml: 'Ö', Uuml: 'Ü', szlig: 'ß', eacute: 'é' },
    ...{ egrave: 'è', agrave: 'à', aacute: 'á', iacute: 'í', oacute: 'ó', uacute: 'ú', ntilde: 'ñ' },
    ...{ ccedil: 'ç', aring: 'å', oslash: 'ø', aelig: 'æ', ensp: ' ', emsp: ' ', thinsp: ' ', shy: '' },
    ...{ le: '≤', ge: '≥', ne: '≠', zwj: '', zwnj: '', lrm: '', rlm: '' },
  }),
);

export const decodeEntities = (text: string): string =>
  text.replaceAll(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,8}));/g,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return named.get(name) ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      const valid = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
      return valid ? String.fromCodePoint(code) : '\uFFFD';
    },
  );

/** Where the tag that starts at `from` ends; -1 when it does not. A `>` in quotes does not end it. */
function endOfTag(html: string, from: number): number {
  let quote = '';
  for (let at = from; at < html.length; at++) {
    const character = html[at] ?? '';
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '>') return at;
    else if ((character === '"' || character === "'") && html[at - 1] === '=') quote = character;
  }
  return -1;
}

function attributesOf(inside: string): Map<string, string> {
  const attributes = new Map<string, string>();
  const pattern = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?/g;
  for (const [, name = '', double, single, bare] of inside.matchAll(pattern)) {
    const key = name.toLowerCase();
    if (!attributes.has(key)) attributes.set(key, decodeEntities(double ?? single ?? bare ?? ''));
  }
  return attributes;
}

/** A tag longer than this is not one that anybody wrote. */
const MAX_TAG = 20_000;

export function* tokensOf(html: string): Generator<Token> {
  const lower = html.toLowerCase();
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) {
      yield { kind: 'text', text: decodeEntities(html.slice(at)) };
      return;
    }
    if (open > at) yield { kind: 'text', text: decodeEntities(html.slice(at, open)) };
    if (html.startsWith('<!--', open)) {
      const end = html.indexOf('-->', open + 4);
      if (end < 0) return;
      at = end + 3;
      continue;
    }
    const [, slash = '', name = ''] =
      /^<(\/?)([a-zA-Z][a-zA-Z0-9:-]*)/.exec(html.slice(open, open + 60)) ?? [];
    if (name === '' && !/[!?/]/.test(html[open + 1] ?? '')) {
      yield { kind: 'text', text: '<' };
      at = open + 1;
      continue;
    }
    const end = endOfTag(html, open + 1);
    // Whatever follows an unfinished tag is part of it, as browsers see it.
    if (end < 0) return;
    at = end + 1;
    if (name === '') continue;
    const inside = html.slice(open + 1 + slash.length + name.length, Math.min(end, open + MAX_TAG));
    const tag = name.toLowerCase();
    yield { kind: slash === '' ? 'open' : 'close', name: tag, attributes: attributesOf(inside) };
    if (slash !== '' || !rawText.has(tag)) continue;
    const close = lower.indexOf(`</${tag}`, at);
    const text = html.slice(at, close < 0 ? html.length : close);
    if (text !== '')
      yield { kind: 'text', text: tag === 'title' || tag === 'textarea' ? decodeEntities(text) : text };
    at = close < 0 ? html.length : close;
  }
}
