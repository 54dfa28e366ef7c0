/**
 * From the text of a command to a verdict (pure). One syntax tree gives the verdict, its reasons, the facts
 * for the audit row and the key of an "always". Only syntax on the list below may run unasked: a form of
 * the language this file does not know asks.
 */
import { forEachChild, parse, type Redirect, type Script, type SyntaxNode } from 'unbash';
import type { Risk } from '../../../domain/approval.ts';
import { hasInvisible, showInvisible } from '../../../domain/visible.ts';
import { isDevice } from './blocked.ts';
import { ask, askAlways, block, type Finding } from './finding.ts';
import { type Facts, judgeWords, noFacts, type Scope } from './judge.ts';
import { pathConcern } from './paths.ts';
import { toArg } from './word.ts';

export type Classification = {
  readonly decision: 'allow' | 'ask' | 'deny';
  readonly risk: Risk;
  readonly reasons: readonly string[];
  /** The words of a single command without any shell syntax: it is run without a shell. Else null. */
  readonly argv: readonly string[] | null;
  readonly alwaysKey: string | null;
  readonly facts: Facts;
};

/** Text in text in text (`bash -c "bash -c …"`): deeper than anybody writes by hand. */
const MAX_NESTING = 5;

/** Two lines on a card. */
const MAX_REASON_CHARACTERS = 160;

/** Syntax that only arranges commands. Their words and redirections are judged on their own. */
const arranging = new Set<SyntaxNode['type']>([
  'Script',
  'Statement',
  'CompoundList',
  'AndOr',
  'Pipeline',
  'Time',
  'Negation',
  'Subshell',
  'BraceGroup',
  'Redirected',
  'FileDescriptor',
  'HereDocDelimiter',
]);

const remarkable = new Map<SyntaxNode['type'], Finding>([
  ['Assignment', ask('medium', 'sets a variable')],
  ['CommandExpansion', ask('medium', 'puts the output of another command into this one')],
  ['ProcessSubstitution', ask('medium', 'feeds one command into another by a file')],
  ['ArithmeticCommandExpansion', ask('medium', 'puts the output of another command into this one')],
  ['ArithmeticExpansion', ask('medium', 'computes part of the command')],
  ['Function', askAlways('high', 'defines a function')],
  ['Coproc', ask('medium', 'runs in the background')],
]);

/** Checked where they stand, as part of a command or a redirection. */
const wordParts = new Set<SyntaxNode['type']>([
  ...(['Word', 'Literal', 'SingleQuoted', 'DoubleQuoted', 'AnsiCQuoted', 'LocaleString', 'Glob'] as const),
  ...(['ExtendedGlob', 'BraceExpansion', 'SimpleExpansion', 'ParameterExpansion'] as const),
]);

function judgeRedirect(node: Redirect, workspace: string): Finding[] {
  if (node.target === undefined) return [ask('medium', 'redirects to nowhere known')];
  const target = toArg(node.target);
  if (target.kind === 'literal' && isDevice(target.value) && node.operator !== '<') {
    return [block('overwrites a disk')];
  }
  if (target.kind !== 'literal' || node.descriptor?.type === 'FileDescriptorVariable') {
    return [ask('medium', `redirects to a computed place (${target.value})`)];
  }
  const standard = /^[12]$/.test(target.value) && (node.operator === '>&' || node.operator === '<&');
  const discards = target.value === '/dev/null' && node.operator !== '<>';
  if (standard || discards) return [];
  if (node.operator !== '<') return [ask('medium', `writes to the file ${target.value}`)];
  const reason = pathConcern(target.value, workspace);
  return reason === null ? [] : [ask('medium', reason)];
}

/** `:(){ :|:& };:`: a function that starts itself more than once. */
function isForkBomb(node: Extract<SyntaxNode, { type: 'Function' }>): boolean {
  let calls = 0;
  let doubling = false;
  const visit = (child: SyntaxNode): void => {
    if (child.type === 'Command' && child.name?.value === node.name.value) calls += 1;
    if (child.type === 'Pipeline' || (child.type === 'Statement' && child.background === true))
      doubling = true;
    forEachChild(child, visit);
  };
  forEachChild(node.body, visit);
  return calls > 0 && doubling;
}

/**
 * Whether the parser left a parenthesis out of its tree (`ls(`): each has to lie in a word or belong to a subshell, or
 * bash may see something else there.
 */
function passesOver(text: string, script: Script): boolean {
  const known = new Set<number>();
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'Subshell') known.add(node.pos).add(node.end - 1);
    if (arranging.has(node.type) || node.type === 'Command') forEachChild(node, visit);
    else for (let at = node.pos; at < node.end; at++) known.add(at);
  };
  visit(script);
  return [...text.matchAll(/[()]/g)].some(({ index }) => !known.has(index));
}

function judgeScript(text: string, scope: Scope, depth: number): { script: Script; findings: Finding[] } {
  const findings: Finding[] = [];
  const inner: Scope = {
    ...scope,
    judgeText: (nested) =>
      depth >= MAX_NESTING
        ? [askAlways('high', 'is nested too deeply to be understood')]
        : judgeScript(nested, scope, depth + 1).findings,
  };
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'Script' && (node.errors?.length ?? 0) > 0) {
      findings.push(askAlways('high', `cannot be understood (${node.errors?.[0]?.message ?? ''})`));
    }
    // Bash takes some of these (`!`) and refuses others (`!&&ls`).
    if (node.type === 'Pipeline' && node.commands.length === 0) {
      findings.push(askAlways('high', 'cannot be understood (! without a command)'));
    }
    if (node.type === 'Statement' && node.background === true) {
      findings.push(ask('medium', 'keeps running in the background'));
    }
    if (node.type === 'Command') {
      scope.facts.commands += 1;
      const words = node.suffix.filter((part) => part.type === 'Word' || part.type === 'Assignment');
      if (node.name !== undefined) findings.push(...judgeWords([node.name, ...words].map(toArg), inner));
    } else if (node.type === 'Redirect') {
      const file = node.operator === '<' && node.target !== undefined ? toArg(node.target).value : null;
      if (file !== null) scope.facts.reads.add(file);
      findings.push(...judgeRedirect(node, scope.workspace));
    } else if (node.type === 'HereDoc' || node.type === 'HereString') {
      const fixed =
        node.type === 'HereDoc'
          ? node.closing !== undefined && (node.body.parts ?? []).every((part) => part.type === 'Literal')
          : node.target !== undefined && toArg(node.target).kind === 'literal';
      if (!fixed) findings.push(ask('medium', 'puts computed text into the input of a command'));
    } else if (node.type === 'Function' && isForkBomb(node)) {
      findings.push(block('starts itself over and over (a fork bomb)'));
    } else if (remarkable.has(node.type)) {
      findings.push(remarkable.get(node.type) ?? askAlways('high', 'cannot be understood'));
    } else if (!arranging.has(node.type) && !wordParts.has(node.type) && node.type !== 'HereDocBody') {
      findings.push(ask('medium', 'uses loops, conditions or other shell programming'));
    }
    forEachChild(node, visit);
  };
  const script = parse(text);
  visit(script);
  if (passesOver(text, script))
    findings.push(askAlways('high', 'cannot be understood (a stray parenthesis)'));
  return { script, findings };
}

/** The words of a single command with nothing around it, else null. */
function plainWords(script: Script): string[] | null {
  const [statement] = script.commands;
  const command = statement?.command;
  if (script.commands.length !== 1 || command?.type !== 'Command' || statement?.background === true)
    return null;
  if (command.prefix.length > 0 || command.name === undefined) return null;
  const words = [command.name, ...command.suffix].map((part) =>
    part.type === 'Word' ? toArg(part) : { kind: 'dynamic', value: '' },
  );
  return words.every((word) => word.kind === 'literal') ? words.map((word) => word.value) : null;
}

/** Reasons quote words of the command: they must neither hide anything nor fill the card. */
function shortened(reason: string): string {
  const characters = [...showInvisible(reason)];
  return characters.length <= MAX_REASON_CHARACTERS
    ? characters.join('')
    : `${characters.slice(0, MAX_REASON_CHARACTERS).join('')}…`;
}

/** `$(` thousands of times is deeper than the stack of this process: nothing can be said about it. */
function judged(command: string, scope: Scope): { script: Script | null; findings: Finding[] } {
  try {
    return judgeScript(command, scope, 0);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { script: null, findings: [askAlways('high', 'is nested too deeply to be understood')] };
  }
}

/**
 * A line that goes on within a word. Bash puts the two together before it reads them, so that `$` and `(` in two lines
 * are the beginning of a command; a parser that takes them one by one sees two harmless characters.
 */
const SPLIT_WORD = /[^\s\\]\\\n|(?:^|[^\\])(?:\\\\)+\\\n/;

/**
 * `1>(x)`, `<2>&1`: a number before the sign of a redirection belongs to it, so that bash refuses these lines; the parser
 * takes the number for a word.
 */
const NUMBERED = /\d[<>]+\(|[<>]&?\s*\d+[<>]/;

/** Names of what the shell reads from: whoever executes these executes its input. */
const inputs = new Set(['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0']);

/** Whether something executes what it gets on its input. */
export const isFed = ({ executes, takesInput }: Facts): boolean =>
  takesInput || [...inputs].some((name) => executes.has(name));

/** Adds what is executed by way of an input; which of all it is that cannot be told gives reasons. */
function judgeExecuted(facts: Facts): Finding[] {
  const { executes, reads } = facts;
  if (isFed(facts)) for (const file of reads) if (!inputs.has(file)) executes.add(file);
  return [...executes]
    .filter((name) => (facts.isLost && !name.startsWith('/')) || name.includes('{}'))
    .map((name) => askAlways('high', `it cannot be told beforehand which file ${name} is`));
}

const severity: Record<Risk, number> = { low: 0, medium: 1, high: 2, blocked: 3 };

/** @param workspace absolute, canonical: the folder the command would run in */
export function classify(command: string, workspace: string): Classification {
  const facts = noFacts();
  const { script, findings } = judged(command, { workspace, facts, judgeText: () => [] });
  if (script === null || script.commands.length === 0) findings.push(ask('medium', 'holds no command'));
  if (hasInvisible(command)) findings.push(askAlways('high', 'holds invisible characters'));
  const isSplit = SPLIT_WORD.test(command);
  if (isSplit) findings.push(askAlways('high', 'continues a word on the next line'));
  const isOdd = NUMBERED.test(command);
  if (isOdd) findings.push(askAlways('high', 'numbers a stream where none can be numbered'));
  findings.push(...judgeExecuted(facts));
  const failed = isSplit || isOdd || findings.some((finding) => /^cannot be understood/.test(finding.reason));
  const argv = failed || script === null || command.includes('\0') ? null : plainWords(script);
  const decision = findings.some((finding) => finding.decision === 'deny')
    ? 'deny'
    : findings.length > 0
      ? 'ask'
      : 'allow';
  const ordered = findings.toSorted((a, b) => severity[b.risk] - severity[a.risk]);
  const grantable = decision !== 'deny' && argv !== null && findings.every((finding) => finding.grantable);
  return {
    decision,
    risk: ordered[0]?.risk ?? 'low',
    reasons:
      ordered.length === 0 ? ['only reads'] : [...new Set(ordered.map(({ reason }) => shortened(reason)))],
    argv,
    alwaysKey: grantable ? `shell:${JSON.stringify(argv)}` : null,
    facts,
  };
}
