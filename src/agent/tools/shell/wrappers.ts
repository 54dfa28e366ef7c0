/**
 * Programs that run another program (pure). Where it is certain what they run, the inner command is judged
 * as if it stood alone; where it is not, they ask. Nothing behind a wrapper is ever allowed for always.
 */
import { askAlways, type Finding } from './finding.ts';
import { type FlagSpec, flagSpec, parseFlags } from './flags.ts';
import type { Arg } from './word.ts';

type Wrapper = {
  readonly flags: FlagSpec;
  /** Operands before the command: `timeout 5 …`. */
  readonly skip: number;
  /** What to ask whatever the inner command is; null when the wrapper itself changes nothing. */
  readonly finding: Finding | null;
};

const wrappers = new Map<string, Wrapper>();

function add(names: string, flags: string, skip: number, finding: Finding | null): void {
  for (const name of names.split(' ')) wrappers.set(name, { flags: flagSpec(flags), skip, finding });
}

const privileges = askAlways('high', 'runs with other rights');
add('timeout', '-k: -s: -v --foreground --preserve-status --kill-after: --signal:', 1, null);
add('nice', '-n: --adjustment: -#', 0, null);
add('ionice', '-c: -n: -t', 0, null);
add('stdbuf', '-i: -o: -e: --input: --output: --error:', 0, null);
add('time', '-p', 0, null);
add('command', '-p', 0, null);
add('builtin', '', 0, askAlways('medium', 'bypasses how the shell finds programs'));
add('exec', '-a: -c -l', 0, askAlways('medium', 'replaces the shell'));
add('env', '-i -0 -u: -C: -v --ignore-environment --unset: --chdir: --', 0, null);
add('nohup', '', 0, askAlways('medium', 'keeps running on its own'));
add('setsid', '-c -f -w', 0, askAlways('medium', 'keeps running on its own'));
add(
  'xargs',
  '-0 -r -t -x -n: -I: -P: -L: -d: -a: -s: -E: --null --no-run-if-empty --max-args: --max-procs:',
  0,
  {
    ...askAlways('medium', 'takes arguments from its input'),
  },
);
add('sudo', '-A -b -E -H -i -k -n -P -S -s -u: -g: -h: -p: -C: --user: --group:', 0, privileges);
add('doas', '-n -s -u: -C:', 0, privileges);
add('pkexec', '--user:', 0, privileges);
add('chroot', '--userspec: --groups:', 1, privileges);
add('busybox toybox', '', 0, askAlways('medium', 'runs a program inside another'));
add('flock', '-n -s -x -u -w: -o -E:', 1, askAlways('medium', 'writes a lock file'));
add('strace ltrace', '-f -e: -o: -p: -s: -c -q -t', 0, askAlways('high', 'watches another program run'));
add('chrt taskset', '-c -p -f -r -o', 1, askAlways('medium', 'changes how a program is scheduled'));
add('unshare nsenter setpriv', '', 0, privileges);
add('parallel', '-j: -k --will-cite', 0, askAlways('high', 'runs commands made from its input'));

/** Programs whose arguments are themselves shell text; the options before it and how many operands to skip. */
const texts = new Map<string, { flags: FlagSpec; skip: number; finding: Finding }>([
  ['eval', { flags: flagSpec(''), skip: 0, finding: askAlways('medium', 'runs text as a command') }],
  ['watch', { flags: flagSpec('-n: -d -t -g'), skip: 0, finding: askAlways('medium', 'repeats a command') }],
  [
    'ssh',
    {
      flags: flagSpec('-p: -i: -l: -o: -F: -J: -t -T -q -v -A -N -n -4 -6'),
      skip: 1,
      finding: askAlways('high', 'runs a command on another machine'),
    },
  ],
]);

/** `su -c TEXT`, `script -c TEXT`: the text is the value of an option. */
const textOption = new Map<string, { flags: FlagSpec; finding: Finding }>([
  ['su', { flags: flagSpec('-c: -l -m -p -s: --command: --login -'), finding: privileges }],
  ['runuser', { flags: flagSpec('-c: -l -u: --command:'), finding: privileges }],
  [
    'script',
    { flags: flagSpec('-c: -q -e -f --command:'), finding: askAlways('medium', 'records to a file') },
  ],
]);

const shells = new Set([
  'sh',
  'bash',
  'dash',
  'zsh',
  'ksh',
  'mksh',
  'ash',
  'fish',
  'csh',
  'tcsh',
  'rbash',
  'pwsh',
]);

export type Unwrapped = {
  readonly findings: readonly Finding[];
  /** The command inside, when it is plain words. */
  readonly command: readonly Arg[] | null;
  /** The command inside, when it is shell text. */
  readonly text: string | null;
  /** A script file the wrapper would run. */
  readonly script: string | null;
  /** It runs what it reads from its input. */
  readonly takesInput: boolean;
};

const nothing = { command: null, text: null, script: null, takesInput: false };

const opaque = (name: string): Finding => askAlways('high', `it cannot be told what \`${name}\` would run`);

function unwrapShell(name: string, args: readonly Arg[]): Unwrapped {
  let inline = false;
  let fromInput = false;
  let at = 0;
  for (; at < args.length; at++) {
    const arg = args[at];
    if (arg?.kind !== 'literal' || !/^[-+]/.test(arg.value)) break;
    if (arg.value === '-') {
      at += 1;
      break;
    }
    if (/^-[a-z]*c[a-z]*$/i.test(arg.value)) inline = true;
    if (/^-[a-z]*s[a-z]*$/.test(arg.value)) fromInput = true;
    // -o and -O take a name.
    if (/^[-+][a-z]*o$/i.test(arg.value)) at += 1;
  }
  const operand = args[at];
  if (inline && operand?.kind === 'literal') {
    return { ...nothing, findings: [askAlways('medium', 'runs text as a command')], text: operand.value };
  }
  if (!inline && !fromInput && operand?.kind === 'literal') {
    return {
      ...nothing,
      findings: [askAlways('high', `runs the script ${operand.value}`)],
      script: operand.value,
    };
  }
  if (fromInput || (operand === undefined && !inline)) {
    const finding = askAlways('high', `\`${name}\` runs whatever arrives on its input`);
    return { ...nothing, findings: [finding], takesInput: true };
  }
  return { ...nothing, findings: [opaque(name)] };
}

const joined = (words: readonly Arg[]): string | null =>
  words.every((word) => word.kind === 'literal') ? words.map((word) => word.value).join(' ') : null;

function unwrapText(name: string, text: string | null, finding: Finding): Unwrapped {
  const findings = text === null ? [finding, opaque(name)] : [finding];
  return { ...nothing, findings, text };
}

/** What a wrapper runs; null when `name` is none. @param args everything after the name */
export function unwrap(name: string, args: readonly Arg[]): Unwrapped | null {
  if (shells.has(name)) return unwrapShell(name, args);
  const byText = texts.get(name);
  if (byText !== undefined) {
    const parsed = parseFlags(args, byText.flags, true);
    const text = parsed.unknown === null ? joined(parsed.operands.slice(byText.skip)) : null;
    return unwrapText(name, text, byText.finding);
  }
  const byOption = textOption.get(name);
  if (byOption !== undefined) {
    const parsed = parseFlags(args, byOption.flags);
    const text = parsed.values.find(({ flag }) => flag === '-c' || flag === '--command')?.value ?? null;
    return unwrapText(name, text, byOption.finding);
  }
  const wrapper = wrappers.get(name);
  if (wrapper === undefined) return null;
  const parsed = parseFlags(args, wrapper.flags, true);
  const findings: Finding[] = wrapper.finding === null ? [] : [wrapper.finding];
  let operands = parsed.operands.slice(wrapper.skip);
  if (name === 'env') {
    const end = operands.findIndex((arg) => !/^[A-Za-z_]\w*=/.test(arg.value));
    if (end !== 0 && operands.length > 0) findings.push(askAlways('medium', 'sets variables for a command'));
    if (parsed.seen.size > 0) findings.push(askAlways('medium', 'changes the environment of a command'));
    operands = end < 0 ? [] : operands.slice(end);
  }
  if (parsed.unknown !== null) return { ...nothing, findings: [...findings, opaque(name)] };
  return { ...nothing, findings, command: operands };
}
