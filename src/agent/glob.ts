/** Patterns in policy rules and file searches: `*` and `?` only, matched in linear time, never a regex (A45). */

/**
 * `*` is any run of characters, `?` is any one; all else is literal, letter case included. The whole text
 * must match. Backtracks to the last star only, so the time is at most pattern × text.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const wanted = [...pattern];
  const given = [...text];
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < given.length) {
    if (wanted[p] === '*') {
      star = p;
      p += 1;
      resume = t;
    } else if (wanted[p] === '?' || (p < wanted.length && wanted[p] === given[t])) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      resume += 1;
      p = star + 1;
      t = resume;
    } else {
      return false;
    }
  }
  while (wanted[p] === '*') p += 1;
  return p === wanted.length;
}
