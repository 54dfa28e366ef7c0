/** Reads Telegram's HTML as the platform does: a tag it does not know, or one left open, refuses the message. */

const TAGS = new Set(['b', 'i', 'u', 's', 'a', 'code', 'pre', 'blockquote', 'tg-spoiler']);

export type Read = { readonly text: string; readonly entities: number };

/** @throws Error with Telegram's words. */
export function readHtml(html: string): Read {
  const open: string[] = [];
  let text = '';
  let entities = 0;
  let at = 0;
  while (at < html.length) {
    const character = html[at] ?? '';
    if (character === '<') {
      const match = /^<(\/?)([a-z-]+)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)>/.exec(html.slice(at));
      const [whole, slash, name = '', attributes = ''] = match ?? [];
      if (whole === undefined)
        throw new Error(`can't parse entities: unexpected character at byte offset ${at}`);
      if (!TAGS.has(name)) throw new Error(`can't parse entities: unsupported start tag "${name}"`);
      if (slash === '/') {
        if (open.pop() !== name)
          throw new Error(`can't parse entities: unexpected end tag at byte offset ${at}`);
      } else {
        check(name, attributes, open);
        open.push(name);
        entities += 1;
      }
      at += whole.length;
      continue;
    }
    if (character === '>') throw new Error(`can't parse entities: unexpected ">" at byte offset ${at}`);
    if (character === '&') {
      const match = /^&(lt|gt|amp|quot|#\d+|#x[\da-f]+);/i.exec(html.slice(at));
      if (match === null) throw new Error(`can't parse entities: bare "&" at byte offset ${at}`);
      text += { lt: '<', gt: '>', amp: '&', quot: '"' }[match[1] ?? ''] ?? '?';
      at += match[0].length;
      continue;
    }
    text += character;
    at += 1;
  }
  if (open.length > 0)
    throw new Error(`can't parse entities: can't find end tag corresponding to start tag "${open.at(-1)}"`);
  return { text: text.trim(), entities };
}

function check(name: string, attributes: string, open: readonly string[]): void {
  if (name === 'blockquote' && open.includes('blockquote'))
    throw new Error("can't parse entities: nested blockquote");
  if (name === 'a' && open.includes('a')) throw new Error("can't parse entities: nested links");
  if ((open.includes('pre') && name !== 'code') || open.at(-1) === 'code')
    throw new Error("can't parse entities: code holds no other entities");
  if (name === 'a' && !/^ href="(?:https?:\/\/|mailto:)[^"]+"$/.test(attributes))
    throw new Error("can't parse entities: a link without an address");
}
