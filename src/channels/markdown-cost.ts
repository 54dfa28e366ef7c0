/**
 * What a text would cost the Markdown parser, found without parsing it (pure). Its time grows with the square of
 * many marks, and the process that serves everybody waits for it (F45).
 */

/** Longer texts are shown as they are. */
const MAX_PARSED = 200_000;
/** Lists and paragraphs cost by the line, however short it is. */
const MAX_LINES = 6_000;
/** Deeper nesting is no longer prose, and each level costs the parser a pass over the text. */
const MAX_DEPTH = 30;
/** A short row of a table is filled up to the width of its head, so a few characters could become megabytes. */
const MAX_CELLS = 5_000;

/** The parser looks for the end of a run of spaces from each of them. */
const LONG_GAP = / {500}/;
/** Lines times characters of list items: the parser puts an item together line by line, from its start each time. */
const MAX_ITEM_WORK = 30_000_000;

/** Too long, too deep or too wide to be parsed at all. */
export const isTooComplex = (text: string): boolean =>
  text.length > MAX_PARSED ||
  count(text, /\n/g) > MAX_LINES ||
  LONG_GAP.test(text) ||
  isTooDeep(text) ||
  isTooWide(text) ||
  hasCostlyItems(text);

/** Markers that open a level each, counted at the start of a line or in a row. */
function isTooDeep(text: string): boolean {
  for (const [run] of text.matchAll(/^[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]*){3,}|[[*_~(!]{3,}/gm)) {
    const isRule = /^[ \t]*([-*_])(?:[ \t]*\1)*[ \t]*$/.test(run);
    if (!isRule && run.replace(/[\s\d]/g, '').length > MAX_DEPTH) return true;
  }
  return false;
}

/** Columns of the widest head times the lines that may be its rows, over all runs of lines. */
function isTooWide(text: string): boolean {
  let cells = 0;
  for (const block of text.split(/\n[ \t]*\n/)) {
    const lines = block.split('\n');
    const rules = lines.filter((line) => /^[\s>*+\d.)|:-]*$/.test(line) && /\|/.test(line) && /-/.test(line));
    const columns = Math.max(
      0,
      ...rules.map(
        (line) =>
          line
            .trim()
            .replace(/^\||\|$/g, '')
            .split('|').length,
      ),
    );
    cells += columns * lines.length;
  }
  return cells > MAX_CELLS;
}

/** An item ends at the next one, or where the text goes on at the margin after an empty line. */
function hasCostlyItems(text: string): boolean {
  let work = 0;
  let [lines, characters] = [0, 0];
  let isAfterGap = false;
  for (const line of text.split('\n')) {
    const opens = /^[\s>]*(?:[-*+]|\d{1,9}[.)])(?:\s|$)/.test(line);
    if (opens || (isAfterGap && /^\S/.test(line))) {
      work += lines * characters;
      [lines, characters] = [opens ? 1 : 0, line.length + 1];
    } else if (lines > 0) {
      lines += 1;
      characters += line.length + 1;
    }
    isAfterGap = line.trim() === '';
  }
  return work + lines * characters > MAX_ITEM_WORK;
}

/** Milliseconds, measured on one slow core: for each pair of emphasis marks, and for each mark and character after it. */
const PAIR_COST = 1.5e-5;
const STEP_COST = 6e-7;
/** For a whole text. One busy with prose stays far below. */
const MAX_COST = 40;

/** @param sources the texts in which the parser will look for emphasis, links and code. */
export function isCostlyInline(sources: readonly string[]): boolean {
  let cost = 0;
  for (const source of sources) {
    const runs = count(source, /[*_~]+/g);
    const steps = count(source, /[^\p{L}\p{N}\s]|https?|www/gu);
    cost += PAIR_COST * runs * runs + STEP_COST * steps * source.length;
  }
  return cost > MAX_COST;
}

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;
