/** Programs that run program text: what they do is in the text, so they ask every time (pure). */
import { askAlways, type Finding } from './finding.ts';
import type { Arg } from './word.ts';

const interpreters = new Set(
  (
    'python pypy node nodejs deno bun tsx perl ruby irb php lua luajit tclsh wish expect R Rscript julia ' +
    'awk gawk mawk nawk osascript groovy java jshell ghci runghc guile racket elixir erl iex swift bc dc m4'
  ).split(' '),
);

/** `python3.11` → `python` */
const family = (name: string): string => name.replace(/[-\d.]+$/, '');

/** awk and its kin take the program itself as first operand. */
const inlineByDefault = new Set(['awk', 'gawk', 'mawk', 'nawk', 'bc', 'dc', 'm4']);

export type Interpretation = {
  readonly finding: Finding;
  readonly script: string | null;
  /** The program text is what it reads from its input. */
  readonly takesInput: boolean;
};

/** @param args everything after the name; null when `name` is no interpreter */
export function interpret(name: string, args: readonly Arg[]): Interpretation | null {
  const base = interpreters.has(name) ? name : family(name);
  if (!interpreters.has(base)) return null;
  const none = { script: null, takesInput: false };
  if (inlineByDefault.has(base))
    return { ...none, finding: askAlways('high', `runs a program written in ${base}`) };
  const first = args.find(
    (arg) => !(arg.kind === 'literal' && /^-[^-]+$/.test(arg.value) && !/[ceErpnmi]$/.test(arg.value)),
  );
  if (first === undefined || (first.kind === 'literal' && first.value === '-')) {
    const finding = askAlways('high', `\`${name}\` runs whatever arrives on its input`);
    return { ...none, finding, takesInput: true };
  }
  if (first.kind === 'literal' && !first.value.startsWith('-')) {
    return { ...none, finding: askAlways('high', `runs the script ${first.value}`), script: first.value };
  }
  return { ...none, finding: askAlways('high', `runs program text given to \`${name}\``) };
}
