/** `find` speaks a language of its own: tests only read; `-exec` and `-delete` do not (pure). */
import { ask, type Finding } from './finding.ts';
import { globConcern, pathConcern } from './paths.ts';
import type { Arg } from './word.ts';

/** Tests and actions that only read; true when a value follows. */
const reading = new Map<string, boolean>([
  ...[
    '-name',
    '-iname',
    '-path',
    '-ipath',
    '-wholename',
    '-regex',
    '-iregex',
    '-regextype',
    '-type',
    '-xtype',
  ].map((name) => [name, true] as const),
  ...[
    '-maxdepth',
    '-mindepth',
    '-size',
    '-mtime',
    '-mmin',
    '-ctime',
    '-cmin',
    '-atime',
    '-amin',
    '-perm',
  ].map((name) => [name, true] as const),
  ...['-user', '-group', '-newermt', '-printf', '-links', '-inum'].map((name) => [name, true] as const),
  ...['-empty', '-readable', '-writable', '-executable', '-print', '-print0', '-ls', '-prune', '-quit'].map(
    (name) => [name, false] as const,
  ),
  ...[
    '-depth',
    '-mount',
    '-xdev',
    '-not',
    '!',
    '-o',
    '-or',
    '-a',
    '-and',
    '(',
    ')',
    ',',
    '-true',
    '-false',
  ].map((name) => [name, false] as const),
]);

const running = new Set(['-exec', '-execdir', '-ok', '-okdir']);

export type FindPlan = {
  readonly findings: readonly Finding[];
  readonly starts: readonly Arg[];
  /** The commands it would run for each file found. */
  readonly inner: readonly (readonly Arg[])[];
  readonly deletes: boolean;
};

/** @param args everything after `find` */
export function planFind(args: readonly Arg[], workspace: string): FindPlan {
  const findings: Finding[] = [];
  const inner: Arg[][] = [];
  const firstTest = args.findIndex((arg) => /^[-(!),]/.test(arg.value));
  const starts = firstTest < 0 ? args : args.slice(0, firstTest);
  for (const start of starts) {
    if (start.kind === 'dynamic' || start.kind === 'variable' || /^[*?[]/.test(start.value)) {
      findings.push(ask('medium', `leaves it to the shell where \`find\` looks (${start.value})`));
      continue;
    }
    const reason = (start.kind === 'glob' ? globConcern : pathConcern)(start.value, workspace);
    if (reason !== null) findings.push(ask('medium', reason));
  }
  let deletes = false;
  for (let at = starts.length; at < args.length; at++) {
    const name = args[at]?.value ?? '';
    if (args[at]?.kind !== 'literal') {
      findings.push(ask('medium', `leaves it to the shell what \`find\` does (${name})`));
    } else if (name === '-delete') {
      deletes = true;
      findings.push(ask('high', 'deletes the files it finds'));
    } else if (running.has(name)) {
      const end = args.findIndex((arg, index) => index > at && (arg.value === ';' || arg.value === '+'));
      inner.push(args.slice(at + 1, end < 0 ? undefined : end));
      at = end < 0 ? args.length : end;
    } else if (reading.get(name) === true) {
      at += 1;
      if (args[at]?.kind !== 'literal')
        findings.push(ask('medium', `\`find ${name}\` without a fixed value`));
    } else if (!reading.has(name)) {
      findings.push(ask('medium', `\`find ${name}\` is not known to be read-only`));
    }
  }
  return { findings, starts, inner, deletes };
}
