/**
 * What a text would cost the Markdown parser, found without parsing it (pure). Its time grows with the square of
 * many marks, and the process that serves everybody waits for it (F45).
 */

/** Longer texts are shown as they are. */
const MAX_PARSED = 128 * 1024;
/** Deeper nesting is no longer prose, and each level costs the parser a pass over the text. */
const MAX_DEPTH = 30;
/** A short row of a table is filled up to the width of its head, so a few characters could become megabytes. */
const MAX_CELLS = 5_000;

/** The parser looks for the end of a run of spaces from each of them: the sum of the squares of all runs. */
const MAX_GAP_WORK = 2_000_000;
/** Each line of dashes and bars may make the line before it the head of a table, at which a paragraph would end. */
const MAX_TABLE_WORK = 150_000;
/** Lines times characters of list items: the parser puts an item together line by line, from its start each time. */
const MAX_ITEM_WORK = 2_000_000;

export const isTooLong = (text: string): boolean => text.length > MAX_PARSED;

/** @param section too deep or too wide to be parsed at all. */
export const isTooComplex = (section: string): boolean =>
  isTooDeep(section) ||
  (section.includes('|') && isTooWide(section)) ||
  // Shorter ones cannot reach the limits.
  (section.length > 1_000 && (hasWideGaps(section) || hasCostlyItems(section)));

/** Markers that open a level each, counted at the start of a line or in a row. */
function isTooDeep(text: string): boolean {
  for (const { index, 0: run } of text.matchAll(
    /^[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]*){3,}|[[*_~(!]{3,}/gm,
  )) {
    const isWholeLine = (text[index + run.length] ?? '\n') === '\n';
    const isRule = isWholeLine && /^[ \t]*([-*_])(?:[ \t]*\1)*[ \t]*$/.test(run);
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

/**
 * Milliseconds on one slow core, each found as the dearest of some hundred thousand hostile texts: for a pair of
 * emphasis marks, for a sign at which the parser looks through the rest of the text (many regular expressions, or
 * one), for the square of the length of what may be the name of a mailbox or the end of an address, and for each
 * character.
 */
const PAIR_COST = 7e-4;
const FAR_LOOK_COST = 5e-6;
const LOOK_COST = 1.5e-6;
const RUN_COST = 8e-6;
const CHARACTER_COST = 5e-5;
/** For a whole text: no more than that keeps everybody waiting. One busy with prose stays far below. */
const MAX_COST = 10;

/** @param sources the texts in which the parser will look for emphasis, links and code. */
export const isCostlyInline = (sources: readonly string[]): boolean =>
  sources.reduce((sum, source) => sum + inlineCost(source), 0) > MAX_COST;

/** Marks that may open or close. `_` inside a word does neither. */
const emphasis = [/\*+/g, /(?<![\p{L}\p{N}_])_+|_+(?![\p{L}\p{N}_])/gu, /~+/g];
/** Marks that can only open and those next to them that can only close: a look at the neighbour tells. */
const tidyPairs = [
  /(?<![\p{L}\p{N}*])(\*{1,3})(?=[\p{L}\p{N}])[^*]*[\p{L}\p{N}]\1(?![\p{L}\p{N}*])/gu,
  /(?<![\p{L}\p{N}_])(_{1,3})(?=[\p{L}\p{N}])[^_]*[\p{L}\p{N}]\1(?![\p{L}\p{N}_])/gu,
  /(?<![\p{L}\p{N}~])(~{1,2})(?=[\p{L}\p{N}])[^~]*[\p{L}\p{N}]\1(?![\p{L}\p{N}~])/gu,
];

/** Milliseconds. */
export function inlineCost(source: string): number {
  let pairs = 0;
  for (const [kind, marks] of emphasis.entries()) {
    const all = count(source, marks);
    pairs += all * (all - 2 * count(source, tidyPairs[kind] ?? marks));
  }
  const farLooks = count(source, /[[(!&*_@\n]/g) + count(source, /_/g);
  const looks = count(source, /[<`~\\:]|www|http/g);
  let runs = 0;
  for (const { index, 0: name } of source.matchAll(/[\w.!#$%&'*+/=?`{|}~-]{32,}/g))
    if (source[index + name.length] === '@') runs += name.length ** 2;
  for (const [run] of source.matchAll(/[?!.,:;*_'"~()&]{32,}/g)) runs += run.length ** 2;
  return (
    PAIR_COST * pairs +
    (FAR_LOOK_COST * farLooks + LOOK_COST * looks) * source.length +
    RUN_COST * runs +
    CHARACTER_COST * source.length
  );
}

/** Without a list of the matches, which would cost more than they do. */
function count(text: string, pattern: RegExp): number {
  let found = 0;
  while (pattern.test(text)) found += 1;
  return found;
}
