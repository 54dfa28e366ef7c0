/**
 * What a text would cost the Markdown parser, found without parsing it (pure). Its time grows with the square of
 * many marks, and the process that serves everybody waits for it (F45).
 */

/** Longer texts are shown as they are: even plain prose takes its time. */
const MAX_PARSED = 128 * 1024;
/** Lists and paragraphs cost by the line, however short it is. */
const MAX_LINES = 6_000;
/** Deeper nesting is no longer prose, and each level costs the parser a pass over the text. */
const MAX_DEPTH = 30;
/** A short row of a table is filled up to the width of its head, so a few characters could become megabytes. */
const MAX_CELLS = 5_000;

/** The parser looks for the end of a run of spaces from each of them: the sum of the squares of all runs. */
const MAX_GAP_WORK = 4_000_000;
/** Each line of dashes and bars may make the line before it the head of a table, at which a paragraph would end. */
const MAX_TABLE_WORK = 150_000;
/** Lines times characters of list items: the parser puts an item together line by line, from its start each time. */
const MAX_ITEM_WORK = 2_000_000;

/** Too long, too deep or too wide to be parsed at all. */
export const isTooComplex = (text: string): boolean =>
  text.length > MAX_PARSED ||
  count(text, /\n/g) > MAX_LINES ||
  hasWideGaps(text) ||
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

function hasWideGaps(text: string): boolean {
  let work = 0;
  for (const [gap] of text.matchAll(/[ \t]{8,}/g)) work += gap.length ** 2;
  return work > MAX_GAP_WORK;
}

/** Columns of the widest head times the lines that may be its rows, over all runs of lines. */
function isTooWide(text: string): boolean {
  let [cells, work] = [0, 0];
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
    work += rules.length * lines.length;
  }
  return cells > MAX_CELLS || work > MAX_TABLE_WORK;
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

/** Milliseconds, measured on one slow core: for each pair of emphasis marks, and for each sign and character after it. */
const PAIR_COST = 3e-5;
const STEP_COST = 6e-7;
/** For a whole text. One busy with prose stays far below. */
const MAX_COST = 20;

/** @param sources the texts in which the parser will look for emphasis, links and code. */
export function isCostlyInline(sources: readonly string[]): boolean {
  let cost = 0;
  for (const source of sources) {
    const runs = count(source, /\*+|_+|~+/g);
    const signs = count(source, /[^\p{L}\p{N}\s]|https?|www/gu);
    cost += PAIR_COST * runs * runs + STEP_COST * signs * source.length;
  }
  return cost > MAX_COST;
}

/** Without a list of the matches, which would cost more than they do. */
function count(text: string, pattern: RegExp): number {
  let found = 0;
  while (pattern.test(text)) found += 1;
  return found;
}
