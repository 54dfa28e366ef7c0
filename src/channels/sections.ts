/**
 * Cuts a long text where a block ends, so that each section is parsed for itself (pure): the parser's time grows faster
 * than its text, and everybody waits meanwhile (F45). Joined, the sections are the text.
 */

/** More than a message has on most platforms, and a few milliseconds for the parser. */
const MAX_CHARACTERS = 12_000;
/** Lists and paragraphs cost by the line, however short it is. */
const MAX_LINES = 500;
/** Rows without their head are no table any more, and cost less than other lines: so many times more may stand together. */
const TABLE_FACTOR = 3;

export function* sectionsOf(text: string): Generator<string, void, void> {
  let start = 0;
  for (let bound = boundOf(text, start); bound < text.length; bound = boundOf(text, start)) {
    const end = sectionEnd(text, start, bound);
    yield text.slice(start, end);
    start = end;
  }
  if (start < text.length) yield text.slice(start);
}

function boundOf(text: string, start: number): number {
  const bound = boundAfter(text, start);
  const line = text.lastIndexOf('\n', bound - 1) + 1;
  const before = text.slice(text.lastIndexOf('\n', line - 2) + 1, line);
  const isInTable =
    before.includes('|') && text.slice(line, text.indexOf('\n', line) + 1 || text.length).includes('|');
  return isInTable ? boundAfter(text, start, TABLE_FACTOR) : bound;
}

function boundAfter(text: string, start: number, factor = 1): number {
  const furthest = Math.min(text.length, start + factor * MAX_CHARACTERS);
  let end = start;
  for (let lines = 0; lines < factor * MAX_LINES; lines++) {
    end = text.indexOf('\n', end) + 1;
    if (end === 0 || end > furthest) return furthest;
  }
  return end;
}

const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
/** At the margin, and nothing that goes on with the list or the quote before the empty line. */
const OPENS_BLOCK = /^(?![-*+>]|\d{1,9}[.)])\S/;

/**
 * The first end of a block in the second half, else the last one before it. Where there is none a line must do, best
 * one at the margin, and in so long a line a space: a list or a paragraph falls in two there.
 */
function sectionEnd(text: string, start: number, bound: number): number {
  const half = start + (bound - start) / 2;
  let [block, margin, line] = [start, start, start];
  let isAfterGap = false;
  for (let at = start; at < bound; ) {
    const next = text.indexOf('\n', at) + 1 || text.length;
    const content = text.slice(at, Math.min(next, bound));
    if (isAfterGap && OPENS_BLOCK.test(content)) block = at;
    if (block >= half) return block;
    line = at;
    if (/^\S/.test(content)) margin = at;
    const fence = FENCE.exec(content)?.[1];
    if (fence === undefined) at = next;
    else {
      // Code costs little, and is no longer code when it is cut.
      const end = fenceEnd(text, next, fence);
      if (end > bound) return at > start ? at : end;
      at = end;
    }
    isAfterGap = content.trim() === '';
  }
  if (block > start) return block;
  if (margin > start) return margin;
  if (line > start) return line;
  const space = text.lastIndexOf(' ', bound) + 1;
  return space > start ? space : bound;
}

function fenceEnd(text: string, from: number, fence: string): number {
  const closing = new RegExp(`^ {0,3}${fence}${fence[0] ?? ''}*[ \\t]*(?:\\n|$)`, 'gm');
  closing.lastIndex = from;
  return closing.test(text) ? closing.lastIndex : text.length;
}
