/**
 * Text as grams of up to three characters, for search that needs no word boundaries (Japanese has none) and no
 * exact spelling. Made here rather than by a database, so that every dialect finds the same (ADR 0008).
 */

/** Runs of letters and digits; scripts without spaces come as long runs of their own. */
const RUNS = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ー々]+|[\p{L}\p{M}\p{N}]+/gu;
const UNSPACED = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ー々]/u;

/** One thing to look for; `prefix`: also as the beginning of a longer gram. */
export type QueryGram = { readonly text: string; readonly prefix: boolean };

/** Read of a long message: what matters is mostly said first or asked last. */
const QUERY_EDGE = 300;
/** Each is one look-up. */
const MAX_QUERY_GRAMS = 48;
const MAX_QUERY_WORDS = 24;

function runsOf(text: string): string[][] {
  // Latin words that follow Japanese without a space must not be swallowed by the second alternative.
  const spaced = plain(text).replaceAll(/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ー々]+/gu, ' $& ');
  return (spaced.match(RUNS) ?? []).map((run) => [...run]);
}

const windows = (run: readonly string[], size: number): string[] =>
  Array.from({ length: run.length - size + 1 }, (_, i) => run.slice(i, i + size).join(''));

/** What is indexed: every three characters, and the last two and one, so that any shorter part begins some gram. */
export function gramsOf(text: string): string[] {
  const grams = new Set<string>();
  for (const run of runsOf(text)) {
    if (run.length >= 3) for (const gram of windows(run, 3)) grams.add(gram);
    grams.add(run.slice(-2).join(''));
    grams.add(run.slice(-1).join(''));
  }
  return [...grams];
}

/** What is looked for. Words of scripts without spaces are mostly two characters long. */
export function queryGrams(text: string): QueryGram[] {
  const edges =
    text.length <= 2 * QUERY_EDGE ? text : `${text.slice(0, QUERY_EDGE)} ${text.slice(-QUERY_EDGE)}`;
  const grams = runsOf(edges).flatMap((run) => {
    const isUnspaced = UNSPACED.test(run[0] ?? '');
    const size = Math.min(run.length, isUnspaced ? 2 : 3);
    return windows(run, size).map((text) => ({ text, prefix: size < 3, isWeak: !isUnspaced && size < 3 }));
  });
  // "a", "to" and "is" begin very many grams and tell nothing beside longer words.
  const strong = grams.filter((gram) => !gram.isWeak);
  const found = new Map<string, QueryGram>();
  for (const { text, prefix } of strong.length > 0 ? strong : grams) found.set(text, { text, prefix });
  return [...found.values()].slice(0, MAX_QUERY_GRAMS);
}

/** As it is compared: width, case and compatibility forms made one. */
export const plain = (text: string): string => text.normalize('NFKC').toLowerCase();

const wordsOf = (text: string): string[] => [
  ...new Set(
    runsOf(text).flatMap((run) =>
      UNSPACED.test(run[0] ?? '') && run.length > 2 ? windows(run, 2) : [run.join('')],
    ),
  ),
];

/** The words to look for in a text as `plain` gives it; of scripts without spaces every two characters. */
export const queryWords = (text: string): string[] => wordsOf(text).slice(0, MAX_QUERY_WORDS);

/**
 * How two texts relate: `same` words in whatever order and form, all words of one `within` the other and at least half
 * as many, or `different`, by as little as one word: "meets Anna" is not "meets Bert".
 */
export function relation(a: string, b: string): 'same' | 'within' | 'different' {
  const [fewer, more] = [wordsOf(a), wordsOf(b)].sort((left, right) => left.length - right.length);
  if (fewer === undefined || more === undefined || fewer.length === 0) return 'different';
  const all = new Set(more);
  if (!fewer.every((word) => all.has(word))) return 'different';
  if (fewer.length === more.length) return 'same';
  return fewer.length * 2 >= more.length ? 'within' : 'different';
}
