/** Names that people give themselves and their files (pure): shown and passed on, never a reason to decide anything. */

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

export const fileName = (name: string, unnamed = 'file'): string => plain(name, MAX_FILE) || unnamed;
