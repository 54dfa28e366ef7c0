/** Judges one simple command, wrappers unwrapped (pure). No findings: it only reads, inside the workspace. */
import { resolve } from 'node:path';
import { blockedReason } from './blocked.ts';
import { describeEffect } from './effects.ts';
import { planFind } from './find.ts';
import { ask, askAlways, block, type Finding } from './finding.ts';
import { type ParsedFlags, parseFlags } from './flags.ts';
import { judgeGit } from './git.ts';
import { interpret } from './interpreters.ts';
import { globConcern, pathConcern } from './paths.ts';
import { projectFile } from './project-files.ts';
import { asksVersion, type ReadOnlySpec, readOnlySpec } from './read-only.ts';
import type { Arg } from './word.ts';
import { type Unwrapped, unwrap } from './wrappers.ts';

/** A folder of which a program reads what it holds: `diff` what lies directly in it, the others all below. */
export type Search = {
  /** May be a pattern. */
  readonly path: string;
  readonly program: 'diff' | 'grep' | 'rg';
  /** False when names with a dot are passed over, but for those in `selects`. */
  readonly hidden: boolean;
  /** Patterns of names. */
  readonly selects: readonly string[];
};

/** What the judgement came upon, besides findings: facts to check on disk before it runs. */
export type Facts = {
  /** Files that would be executed. */
  readonly executes: Set<string>;
  /** Files that say what a program of the project runs: `package.json`, `Makefile`. */
  readonly consults: Set<string>;
  /** Files and folders that would be read: none may be a link out of the workspace. */
  readonly reads: Set<string>;
  /** Patterns of such files; only the disk can say what they match. */
  readonly patterns: Set<string>;
  readonly searches: Search[];
  /** Arguments of `cd`: paths may be relative to them. */
  readonly folders: Set<string>;
  /** It cannot be told which folder something runs in. */
  isLost: boolean;
  /** Something executes what it reads from its input. */
  takesInput: boolean;
  /** Each command by the name of its program and its words as the program gets them. */
  readonly forms: Set<string>;
  usesGit: boolean;
  commands: number;
};

/** Nothing found yet. */
export const noFacts = (): Facts => ({
  executes: new Set(),
  consults: new Set(),
  reads: new Set(),
  patterns: new Set(),
  searches: [],
  folders: new Set(),
  isLost: false,
  takesInput: false,
  forms: new Set(),
  usesGit: false,
  commands: 0,
});

/** Of more, one after the other or not, it cannot be told where they lead. */
const MAX_FOLDERS = 4;

/** Where the commands may run, the workspace first. */
export function foldersOf({ folders }: Facts, workspace: string): string[] {
  const places = [workspace];
  for (const folder of folders) places.push(...places.map((place) => resolve(place, folder)));
  return [...new Set(places)];
}

export type Scope = {
  readonly workspace: string;
  readonly facts: Facts;
  /** Judges shell text inside a command (`bash -c`). */
  judgeText(text: string): readonly Finding[];
};

const systemFolders = new Set(['/bin', '/usr/bin', '/usr/local/bin', '/sbin', '/usr/sbin']);

/** Conditions that only look; the others of bash can run a substitution hidden in a subscript. */
const conditions = new Set(
  '! -e -f -d -s -r -w -x -L -h -n -z = == != -nt -ot -eq -ne -lt -le -gt -ge -a -o ] ( )'.split(' '),
);

function judgeOperand(name: string, arg: Arg, spec: ReadOnlySpec, scope: Scope): Finding[] {
  if (arg.kind === 'dynamic' || arg.kind === 'variable') {
    return [ask('medium', `leaves it to the shell what \`${name}\` reads (${arg.value})`)];
  }
  if (arg.kind === 'glob') {
    // A file named like an option would be taken for one; a second match for the place to write to.
    const mayBeOption = /^[-\\]/.test(arg.value) || (/^[*?[]/.test(arg.value) && !spec.anyOptionHarmless);
    if (mayBeOption || spec.operands === 'one-path') {
      return [ask('medium', `a pattern may expand to more than names to read (${arg.value})`)];
    }
    scope.facts.patterns.add(arg.value);
    const reason = globConcern(arg.value, scope.workspace);
    return reason === null ? [] : [ask('medium', reason)];
  }
  if (arg.value === '-') return [];
  scope.facts.reads.add(arg.value);
  const reason = pathConcern(arg.value, scope.workspace);
  return reason === null ? [] : [ask('medium', reason)];
}

/** Kinds of files for `rg -t` of which none has a name that begins with a dot. */
const plainTypes = new Set('c cpp css go html java js kotlin md php py ruby rust swift ts'.split(' '));

/** Programs that read whole folders may come upon a file that nobody named. */
function noteSearches(name: string, parsed: ParsedFlags, paths: readonly Arg[], facts: Facts): void {
  const { seen, values } = parsed;
  const recursive = /grep$/.test(name) && (seen.has('-r') || seen.has('--recursive'));
  const program = name === 'rg' || name === 'diff' ? name : recursive ? 'grep' : null;
  if (program === null) return;
  const given = (flags: RegExp): string[] =>
    values.filter(({ flag }) => flags.test(flag)).map(({ value }) => value);
  const hidden =
    program !== 'rg' ||
    ['--hidden', '-.'].some((flag) => seen.has(flag)) ||
    given(/^(-t|--type)$/).some((type) => !plainTypes.has(type));
  // What is asked for by name is read although it is hidden.
  const selects = program === 'rg' ? given(/^(-g|--i?glob)$/).filter((glob) => !glob.startsWith('!')) : [];
  const places = paths.length === 0 ? ['.'] : paths.map((arg) => arg.value);
  facts.searches.push(...places.map((path) => ({ path, program, hidden, selects }) as const));
}

function judgeReading(name: string, args: readonly Arg[], spec: ReadOnlySpec, scope: Scope): Finding[] {
  if (spec.operands === 'echo') {
    return args.flatMap((arg) => {
      if (arg.kind === 'dynamic')
        return [ask('medium', `leaves it to the shell what \`${name}\` prints (${arg.value})`)];
      if (arg.kind === 'glob' && arg.value.includes('/')) scope.facts.patterns.add(arg.value);
      const reason = arg.kind === 'glob' ? globConcern(arg.value, scope.workspace) : null;
      return reason === null ? [] : [ask('medium', reason)];
    });
  }
  const parsed = parseFlags(args, spec.flags);
  if (parsed.unknown !== null)
    return [ask('medium', `\`${name} ${parsed.unknown}\` is not known to be read-only`)];
  const findings = parsed.values
    .filter(({ isPath }) => isPath)
    .flatMap(({ value }) => judgeOperand(name, { kind: 'literal', value }, spec, scope));
  const { operands } = parsed;
  if (name === 'strings' && args.some((arg) => arg.value.startsWith('@')))
    findings.push(ask('medium', '`strings` takes its arguments from a file'));
  // With the number of characters so far, which as a `PATH` is a folder.
  if (name === 'printf' && /%[-+ #0'\d.*$]*[hjlLqtz]*n/.test(operands[0]?.value ?? ''))
    findings.push(ask('medium', '`printf %n` sets a variable'));
  if (spec.operands === 'none' && operands.length > 0) {
    return [ask('medium', `\`${name}\` with arguments may change something`)];
  }
  if (spec.operands === 'one-path' && operands.length > 1) {
    return [ask('medium', `\`${name}\` writes to its second argument`)];
  }
  if (spec.operands === 'format' && operands.some((arg) => !arg.value.startsWith('+'))) {
    return [ask('high', `\`${name}\` with arguments may change something`)];
  }
  const patternGiven = parsed.values.some(({ flag }) => /^(-e|-f|--regexp|--file)$/.test(flag));
  const textOperands =
    spec.operands === 'text' || spec.operands === 'format'
      ? operands
      : operands.slice(
          0,
          spec.operands === 'pattern-paths' && !patternGiven && !parsed.seen.has('--files') ? 1 : 0,
        );
  const paths = operands.slice(textOperands.length);
  // Its options take more words than one, so that any of them may be the program.
  if (name === 'jq' && args.some((arg) => /\b(import|include|modulemeta)\b/.test(arg.value)))
    findings.push(ask('medium', 'the `jq` program may read other files'));
  noteSearches(name, parsed, paths, scope.facts);
  findings.push(
    ...textOperands
      .filter((arg) => arg.kind !== 'literal')
      .map((arg) => ask('medium', `leaves it to the shell what \`${name}\` gets (${arg.value})`)),
    ...paths.flatMap((arg) => judgeOperand(name, arg, spec, scope)),
  );
  return findings;
}

/** `sed -n '10,20p' FILE` prints lines; anything else sed can do asks. */
function judgeSed(args: readonly Arg[], scope: Scope): Finding[] {
  const [option, script, ...files] = args;
  const printing =
    option?.value === '-n' && script?.kind === 'literal' && /^\d+(,(\d+|\$))?p$/.test(script.value);
  if (!printing) return [ask('medium', '`sed` may edit files or run programs')];
  // Options are read behind the files too, and one more script runs programs: there are none that this knows.
  const printer = readOnlySpec('sed');
  return printer === undefined ? [] : judgeReading('sed', files, printer, scope);
}

function judgeTest(args: readonly Arg[], scope: Scope): Finding[] {
  return args.flatMap((arg) => {
    if (arg.kind !== 'literal')
      return [ask('medium', `leaves it to the shell what is tested (${arg.value})`)];
    if (conditions.has(arg.value)) return [];
    if (/^-|[[\]$`]/.test(arg.value))
      return [ask('medium', `a condition that may do more than look (${arg.value})`)];
    const reason = pathConcern(arg.value, scope.workspace);
    return reason === null ? [] : [ask('medium', reason)];
  });
}

/** Unasked only as the very first command: later ones would change what the paths before it meant. */
function judgeCd(args: readonly Arg[], { facts, workspace }: Scope): Finding[] {
  const [target] = args;
  const fixed = args.length === 1 && target?.kind === 'literal' && !target.value.startsWith('-');
  if (fixed && facts.folders.size < MAX_FOLDERS) facts.folders.add(target.value);
  else facts.isLost = true;
  return fixed && facts.commands === 1 && pathConcern(target.value, workspace) === null
    ? []
    : [ask('medium', `changes to another folder (${args.map((arg) => arg.value).join(' ')})`)];
}

/** Options and programs that run something in a folder that is not followed here, or under a name put in later. */
const losesTrack = (name: string, args: readonly Arg[]): boolean =>
  name === 'pushd' ||
  name === 'popd' ||
  (name === 'env' && args.some((arg) => /^-[a-zA-Z0]*C|^--c/.test(arg.value))) ||
  (name === 'xargs' && args.some((arg) => /^-[a-zA-Z0]*[iI]|^--re/.test(arg.value))) ||
  (name === 'find' && args.some((arg) => /^-(exec|ok)dir$/.test(arg.value)));

function judgeUnwrapped(name: string, args: readonly Arg[], inner: Unwrapped, scope: Scope): Finding[] {
  if (inner.script !== null) scope.facts.executes.add(inner.script);
  if (inner.takesInput) scope.facts.takesInput = true;
  const findings = [...inner.findings];
  if (inner.text !== null) findings.push(...scope.judgeText(inner.text));
  if (inner.command !== null && inner.command.length > 0) findings.push(...judgeWords(inner.command, scope));
  if (inner.command?.length === 0 && findings.length === 0) findings.push(describeEffect(name, false));
  if (inner.command === null && inner.text === null) {
    // It is not certain what runs, but something that may never run is among the words.
    const blocked = args.map((arg, index) => blockedReason(programName(arg.value), args.slice(index + 1)));
    findings.push(...blocked.filter((reason) => reason !== null).map(block));
  }
  return findings.map((finding) => ({ ...finding, grantable: false }));
}

const programName = (word: string): string => word.slice(word.lastIndexOf('/') + 1);

function judgeFind(args: readonly Arg[], scope: Scope): Finding[] {
  const plan = planFind(args, scope.workspace);
  for (const { kind, value } of plan.starts) {
    if (kind === 'literal') scope.facts.reads.add(value);
    if (kind === 'glob') scope.facts.patterns.add(value);
  }
  const inner = plan.inner.flatMap((words) => [
    askAlways('medium', 'runs a command for every file it finds'),
    ...judgeWords(words, scope),
  ]);
  return [...plan.findings, ...inner].map((finding) =>
    plan.inner.length > 0 ? { ...finding, grantable: false } : finding,
  );
}

/** @param words the program and its arguments, as the shell would pass them */
export function judgeWords(words: readonly Arg[], scope: Scope): Finding[] {
  const [program, ...args] = words;
  if (program === undefined) return [];
  if (program.kind !== 'literal' || program.value === '') {
    return [askAlways('high', `the command itself is computed (${program.value})`)];
  }
  const name = programName(program.value);
  scope.facts.forms.add([name, ...args.map((arg) => arg.value)].join(' '));
  if (losesTrack(name, args)) scope.facts.isLost = true;
  const blocked = blockedReason(name, args);
  if (blocked !== null) return [block(blocked)];
  const inFolder = program.value.slice(0, -name.length - 1);
  if (program.value.includes('/') && !systemFolders.has(inFolder)) {
    scope.facts.executes.add(program.value);
    return [askAlways('high', `runs the program file ${program.value}`)];
  }
  const only = args.length === 1 ? args[0]?.value : undefined;
  if (only !== undefined && asksVersion(name, only)) return [];
  if (name === 'command' && /^-[vV]$/.test(args[0]?.value ?? '')) {
    return args.every((arg) => arg.kind === 'literal') ? [] : [ask('medium', 'looks up a computed name')];
  }
  const inner = unwrap(name, args);
  if (inner !== null) return judgeUnwrapped(name, args, inner, scope);
  if (name === '.' || name === 'source') {
    scope.facts.executes.add(args[0]?.value ?? '');
    return [askAlways('high', `runs the script ${args[0]?.value ?? ''}`)];
  }
  const interpretation = interpret(name, args);
  if (interpretation !== null) {
    for (const script of interpretation.scripts) scope.facts.executes.add(script);
    if (interpretation.takesInput) scope.facts.takesInput = true;
    return [interpretation.finding];
  }
  if (name === 'find') return judgeFind(args, scope);
  if (name === 'sed') return judgeSed(args, scope);
  if (name === 'test' || name === '[') return judgeTest(args, scope);
  if (name === 'cd') return judgeCd(args, scope);
  if (name === 'git') {
    scope.facts.usesGit = true;
    return judgeGit(args, scope.workspace);
  }
  const project = projectFile(name, args);
  if (project !== null) {
    for (const file of project.files) scope.facts.consults.add(file);
    return [project.finding];
  }
  const spec = readOnlySpec(name);
  if (spec !== undefined) return judgeReading(name, args, spec, scope);
  return [
    describeEffect(
      name,
      args.some((arg) => /^-\w*[rRf]|^--(?:r|f)/.test(arg.value)),
    ),
  ];
}
