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

/** Options whose value is another file that is executed. */
const loading = /^(?:--(?:require|import|loader|experimental-loader|preload)|-r)$/;

/** Options with a value that is no program. */
const valued = /^-(?:W|X|I|C|Q)$/;

/** Options that are, or bring, program text: what follows is no script to be looked at. */
const inline =
  /^(?:-[^-]*[ceEpnmi]|--(?:eval|print|exec|command|interactive|repl|test|stdin|input-type)\b.*)$/;

/** Of these the first word is a command. */
const withCommands = new Set(['deno', 'bun']);

export type Interpretation = {
  readonly finding: Finding;
  /** Files that would be executed. */
  readonly scripts: readonly string[];
  /** The program text is what it reads from its input. */
  readonly takesInput: boolean;
};

/** @param args everything after the name; null when `name` is no interpreter */
export function interpret(name: string, args: readonly Arg[]): Interpretation | null {
  const base = interpreters.has(name) ? name : family(name);
  if (!interpreters.has(base)) return null;
  const none = { scripts: [], takesInput: false };
  if (inlineByDefault.has(base))
    return { ...none, finding: askAlways('high', `runs a program written in ${base}`) };
  const given: Interpretation = {
    ...none,
    finding: askAlways('high', `runs program text given to \`${name}\``),
  };
  const scripts: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const { kind, value } = args[at] ?? { kind: 'dynamic', value: '' };
    // `php -r` is program text, where others load a file.
    if (kind !== 'literal' || inline.test(value) || (base === 'php' && value === '-r'))
      return { ...given, scripts };
    const [option = '', attached] = value.split(/=(.*)/s);
    if (value === '-') break;
    if (loading.test(option)) {
      scripts.push(attached ?? args[at + 1]?.value ?? '');
      at += attached === undefined ? 1 : 0;
    } else if (valued.test(value)) {
      at += 1;
    } else if (!value.startsWith('-') && !(withCommands.has(base) && value === 'run')) {
      scripts.push(value);
      return { ...none, finding: askAlways('high', `runs the script ${value}`), scripts };
    }
  }
  const finding = askAlways('high', `\`${name}\` runs whatever arrives on its input`);
  return { finding, scripts, takesInput: true };
}
