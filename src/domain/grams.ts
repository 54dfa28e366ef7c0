/**
 * Text as grams of two or three characters, for search that needs no word boundaries (Japanese has none) and no
 * exact spelling. Made here rather than by a database, so that every dialect finds the same (ADR 0008).
 */

/** Runs of letters and digits; scripts without spaces come as long runs of their own. */
const RUNS = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ー々]+|[\p{L}\p{M}\p{N}]+/gu;
const UNSPACED = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ー々]/u;

/** One thing to look for; `prefix`: also as the beginning of a longer gram. */
export type QueryGram = { readonly text: string; readonly prefix: boolean };

/** Read of a long message: what matters is mostly said first or asked last. */
const QUERY_EDGE = 300;
/** Each is one look-up for each owner: of a longer question they are taken evenly from all of it. */
const MAX_LOOK_UPS = 48;
/** More of them find nothing else; with fewer, what is found is chance. */
const MOST_GRAMS = 32;
const FEWEST_GRAMS = 12;
const MAX_QUERY_WORDS = 24;
/** Characters of a gram. Words of scripts without spaces are mostly two characters long. */
const SIZE = { spaced: 3, unspaced: 2 } as const;
/** Of the overlapping grams of a long word every second, and the last, tell it apart as well as all of them. */
const STRIDE = 2;

function runsOf(text: string): string[][] {
  // Latin words that follow Japanese without a space must not be swallowed by the second alternative.
  const spaced = plain(text).replaceAll(/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ー々]+/gu, ' $& ');
  return (spaced.match(RUNS) ?? []).map((run) => [...run]);
}

const windows = (run: readonly string[], size: number): string[] =>
  Array.from({ length: run.length - size + 1 }, (_, i) => run.slice(i, i + size).join(''));

const isUnspaced = (run: readonly string[]): boolean => UNSPACED.test(run[0] ?? '');

/** What is indexed: every few characters, and the shorter ends, so that any shorter part begins some gram. */
export function gramsOf(text: string): string[] {
  const grams = new Set<string>();
  for (const run of runsOf(text)) {
    const size = isUnspaced(run) ? SIZE.unspaced : SIZE.spaced;
    if (run.length >= size) for (const gram of windows(run, size)) grams.add(gram);
    for (let end = size - 1; end >= 1; end--) grams.add(run.slice(-end).join(''));
  }
  return [...grams];
}

/** What is looked for among the entries of so many owners. */
export function queryGrams(text: string, owners = 1): QueryGram[] {
  const edges =
    text.length <= 2 * QUERY_EDGE ? text : `${text.slice(0, QUERY_EDGE)} ${text.slice(-QUERY_EDGE)}`;
  const grams = runsOf(edges).flatMap((run) => {
    const unspaced = isUnspaced(run);
    const size = Math.min(run.length, unspaced ? SIZE.unspaced : SIZE.spaced);
    const prefix = run.length < (unspaced ? SIZE.unspaced : SIZE.spaced);
    return windows(run, size)
      .filter((_, i, all) => unspaced || i % STRIDE === 0 || i === all.length - 1)
      .map((text) => ({ text, prefix, isWeak: !unspaced && prefix }));
  });
  // "a", "to" and "is" begin very many grams and tell nothing beside longer words.
  const strong = grams.filter((gram) => !gram.isWeak);
  const found = new Map<string, QueryGram>();
  for (const { text, prefix } of strong.length > 0 ? strong : grams) found.set(text, { text, prefix });
  const most = Math.floor(MAX_LOOK_UPS / owners);
  return evenly([...found.values()], Math.min(MOST_GRAMS, Math.max(FEWEST_GRAMS, most)));
}

function evenly<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, i) => all[Math.floor((i * all.length) / most)] as T);
}

/** As it is compared: width, case and compatibility forms made one. */
export const plain = (text: string): string => text.normalize('NFKC').toLowerCase();

const wordsOf = (text: string): string[] => [
  ...new Set(
    runsOf(text).flatMap((run) =>
      isUnspaced(run) && run.length > SIZE.unspaced ? windows(run, SIZE.unspaced) : [run.join('')],
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
