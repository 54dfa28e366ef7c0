/**
 * What a person must be able to see before saying yes (pure). A card shows text exactly; characters that
 * hide, reorder or imitate other text are spelled out, so that what is read is what runs.
 */

/** Controls, bidirectional and zero-width formatting, private use, unassigned, lone surrogates, odd spaces. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}|\p{Default_Ignorable_Code_Point}/gu;

const escaped = (character: string): string =>
  `\\u{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}}`;

/**
 * The text with every invisible or reordering character as `\u{202E}`. Line feeds and tabs stay: they are
 * visible in a block of plain text. A carriage return does not: terminals overwrite the line with it.
 */
export const showInvisible = (text: string): string =>
  text.replace(unseen, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  );

/** True when `showInvisible` would change the text. */
export const hasInvisible = (text: string): boolean => showInvisible(text) !== text;

/** Alphabets whose letters pass for one another; a word that mixes two of them is worth a warning. */
const lookalikes = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
];

/** The words that mix alphabets with look-alike letters (`pаypal` with a Cyrillic а), each once, in order. */
export function mixedScripts(text: string): string[] {
  const words = text.match(/\p{L}[\p{L}\p{M}]*/gu) ?? [];
  const mixed = words.filter((word) => lookalikes.filter((script) => script.test(word)).length > 1);
  return [...new Set(mixed)];
}
