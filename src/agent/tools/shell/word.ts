/** What one word of a command comes to: fixed text, file names, or something only the shell knows. */
import type { CommandArgument, Word, WordPart } from 'unbash';

export type Arg = {
  /**
   * `literal`: `value` is exactly what the program gets. `glob`: `value` is a pattern of file names.
   * `variable`: a plain `$NAME` or `"$NAME"`. `dynamic`: anything else; `value` is then the source text.
   */
  readonly kind: 'literal' | 'glob' | 'variable' | 'dynamic';
  readonly value: string;
};

/** A tilde that bash would replace: at the start, or after `=` or `:` as in an assignment. */
const tilde = /(^|[=:])~/;

/** Arithmetic in its old form, which the parser takes for plain text, also between double quotes. */
const oldArithmetic = /(?<!\\)\$\[/;

/** Not those in which bash keeps text of the command: patterns in it would be file names when it is expanded. */
const variable = /^"?\$(?:(?!_\b|BASH)[A-Za-z_]\w*|\?|#)"?$/;

function isFixed(part: WordPart): boolean {
  if (part.type === 'Literal') return !tilde.test(part.text);
  if (part.type === 'SingleQuoted') return true;
  return part.type === 'DoubleQuoted' && part.parts.every((child) => child.type === 'Literal');
}

const isGlob = (part: WordPart): boolean =>
  part.type === 'Glob' && (part.parts ?? []).every((child) => child.type === 'Literal');

export function toArg(word: CommandArgument | Word): Arg {
  if (word.type === 'Assignment') return { kind: 'dynamic', value: word.text };
  const parts = word.parts;
  // It may begin in one part and go on in the next (`$` and a pattern).
  const open = parts?.map((part) => (part.type === 'SingleQuoted' ? "''" : part.text)).join('') ?? word.text;
  if (oldArithmetic.test(open)) return { kind: 'dynamic', value: word.text };
  if (parts === undefined) {
    return { kind: tilde.test(word.text) ? 'dynamic' : 'literal', value: word.value };
  }
  if (parts.every(isFixed)) return { kind: 'literal', value: word.value };
  if (parts.every((part) => isFixed(part) || isGlob(part))) return { kind: 'glob', value: word.value };
  if (variable.test(word.text)) return { kind: 'variable', value: word.text };
  return { kind: 'dynamic', value: word.text };
}
