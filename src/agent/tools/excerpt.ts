/** Beginning and end of a text of any length, and what of them fits into a prompt (E14). */

/** `gap`: characters (UTF-16 units) between the two that are not here. */
export type Excerpt = { readonly head: string; readonly gap: number; readonly tail: string };

export const wholeOf = (text: string): Excerpt => ({ head: text, gap: 0, tail: '' });

export type Collector = { add(text: string): void; excerpt(): Excerpt };

/** Flat memory, however much comes. @param keep characters kept of the beginning, and at least as many of the end */
export function createCollector(keep: number): Collector {
  let [head, tail, length] = ['', '', 0];
  return {
    add(text) {
      length += text.length;
      const room = keep - head.length;
      head += text.slice(0, room);
      const more = text.slice(room);
      tail = more.length < keep ? tail + more : more.slice(-keep);
      // Seldom, as it copies all of it.
      if (tail.length > 4 * keep) tail = tail.slice(-keep);
    },
    excerpt: () => ({ head, gap: length - head.length - tail.length, tail }),
  };
}

/** Whole characters only: how much of `text` fits in `bytes`, in UTF-16 units. */
const fitting = (text: string, bytes: number): number =>
  new TextEncoder().encodeInto(text, new Uint8Array(Math.max(0, bytes))).read;

/** The end of `text` that fits in `bytes`, never starting in the middle of a character. */
function lastOf(text: string, bytes: number): string {
  let start = text.length;
  let left = bytes;
  while (start > 0) {
    const code = text.codePointAt(start - 2) ?? 0;
    const width = start > 1 && code > 0xffff ? 2 : 1;
    left -= Buffer.byteLength(text.slice(start - width, start));
    if (left < 0) break;
    start -= width;
  }
  return text.slice(start);
}

/** The whole text, if it is here and no longer than that. */
export function wholeWithin({ head, gap, tail }: Excerpt, maxBytes: number): string | null {
  const text = head + tail;
  return gap === 0 && Buffer.byteLength(text) <= maxBytes ? text : null;
}

/**
 * Each part cut to an equal share of the room; what a short one leaves over is for the others.
 * @param parts with at least `maxBytes` characters at each end, where something is missing between
 */
export function capParts(parts: readonly Excerpt[], maxBytes: number, reference: string): string {
  const gaps = Math.max(0, parts.length - 1);
  let [room, left] = [maxBytes - gaps, parts.length];
  const capped = new Map<number, string>();
  const lengthOf = ({ head, tail }: Excerpt): number => Buffer.byteLength(head) + Buffer.byteLength(tail);
  for (const [index, part] of [...parts.entries()].toSorted(([, a], [, b]) => lengthOf(a) - lengthOf(b))) {
    const text = capOutput(part, Math.floor(room / left), reference);
    room -= Buffer.byteLength(text);
    left -= 1;
    capped.set(index, text);
  }
  return parts.map((_, index) => capped.get(index) ?? '').join('\n');
}

/** Head and tail of a text that is too long, with a marker that says how to read the rest. */
export function capOutput(excerpt: Excerpt, maxBytes: number, reference: string): string {
  const whole = wholeWithin(excerpt, maxBytes);
  if (whole !== null) return whole;
  const marker = (count: number): string =>
    `\n[… ${count} characters left out; full output: read_output("${reference}")]\n`;
  const text = excerpt.head + excerpt.tail;
  const length = text.length + excerpt.gap;
  const room = Math.max(0, maxBytes - Buffer.byteLength(marker(length)));
  const head = text.slice(0, fitting(text, Math.ceil(room / 2)));
  const tail = lastOf(text.slice(head.length), Math.floor(room / 2));
  return `${head}${marker(length - head.length - tail.length)}${tail}`;
}
