/**
 * Names that people give themselves and their files, and what they quote (pure): shown and passed on, never a reason to
 * decide anything.
 */

const MAX_PERSON = 80;
const MAX_FILE = 200;

/** In one line, and without what hides, reorders or imitates other text. */
const plain = (name: string, most: number): string =>
  name
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .slice(0, most)
    .toWellFormed()
    .trim();

export const personName = (name: string, unnamed = 'somebody'): string => plain(name, MAX_PERSON) || unnamed;

/** Of one quote or forward; the rest is left out with a mark. */
const MAX_QUOTE = 4_000;

export const quote = (said: string): string =>
  said.length <= MAX_QUOTE
    ? said
    : `${said
        .slice(0, MAX_QUOTE)
        .toWellFormed()
        .replace(/\uFFFD$/, '')} […]`;

export const fileName = (name: string, unnamed = 'file'): string => plain(name, MAX_FILE) || unnamed;
