/**
 * A14 to A20: the classifier against a real bash. Random command lines, glued together from the odd corners of the
 * language; whatever would run unasked is really run, with programs that only note who was started and how.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify } from '../../src/agent/tools/shell/classify.ts';
import { readCorpus } from '../corpus/read-corpus.ts';
import { scratch } from '../unit/agent/tools/scratch.ts';

const hasBash = existsSync('/bin/bash');

const reading = ['ls', 'cat', 'grep', 'wc', 'head', 'sort', 'stat', 'seq', 'basename'];
const changing = [
  'rm',
  'touch',
  'curl',
  'tee',
  'sh',
  'env',
  'xargs',
  'python3',
  'git',
  'nohup',
  'timeout',
  'sudo',
  'find',
];

/** A folder of programs that write down how they were called, and a place for them to be called in. */
function laboratory() {
  const { workspace, outside } = scratch();
  const [log, bin] = [join(outside, 'log'), join(outside, 'bin')];
  mkdirSync(bin);
  // The smallest of shells: it is started hundreds of times.
  const program = `#!/bin/sh\n{ printf '%s' "\${0##*/}"; printf '\\001%s' "$@"; printf '\\002'; } >> ${log}\n`;
  for (const name of [...reading, ...changing]) {
    writeFileSync(join(bin, name), program);
    chmodSync(join(bin, name), 0o755);
  }
  const files = ['README.md', 'a.txt', 'b c.txt'];
  const reset = (): void => {
    rmSync(workspace, { recursive: true });
    mkdirSync(workspace);
    for (const file of files) writeFileSync(join(workspace, file), 'x\n');
    writeFileSync(log, '');
  };
  reset();
  return {
    workspace,
    /** What bash started, each with its arguments; whether the folder is as it was. */
    observe(command: string) {
      spawnSync('/bin/bash', ['--noprofile', '--norc', '-c', command], {
        cwd: workspace,
        env: { PATH: bin, HOME: workspace },
        timeout: 5_000,
        stdio: 'ignore',
      });
      const calls = readFileSync(log, 'utf8')
        .split('\u0002')
        .slice(0, -1)
        .map((line) => line.split('\u0001'));
      const intact = readdirSync(workspace).sort().join('/') === files.toSorted().join('/');
      if (!intact || calls.length > 0) reset();
      return { calls, intact };
    },
  };
}

/** Words, quotes, expansions, operators and half-finished forms. */
const pieces = [
  ...['ls', 'cat', 'grep', 'wc', 'head', 'echo', 'printf', 'true', 'test', '[', ']', 'type', 'cd', 'sort'],
  ...[
    'rm',
    'touch',
    'curl',
    'tee',
    'sh',
    'env',
    'eval',
    'source',
    '.',
    'exec',
    'command',
    'builtin',
    'xargs',
  ],
  ...[' ', ' ', ' ', ' ', '\t', '\n', '\\\n', '\\ ', '\\', '\r'],
  ...[';', '&', '&&', '||', '|', '|&', ';;', '!', '(', ')', '{ ', '; }', '((', '))', '[[ ', ' ]]'],
  ...['"', "'", '`', '$(', '${', '}', '$((', '$', "$'", '$"', '<(', '>(', '$[', ']'],
  ...[
    '>',
    '>>',
    '<',
    '<<',
    '<<<',
    '<<-',
    '>|',
    '>&',
    '<&',
    '<>',
    '&>',
    '&>>',
    '2>',
    '2>&1',
    '>/dev/null',
    '{fd}>',
  ],
  ...['<<E\n', '<<"E"\n', "<<'E'\n", '\nE\n', '<<E;', 'E'],
  ...['x=', 'x=1 ', 'PATH=. ', 'IFS=', 'a[0]=', 'export ', 'local ', 'declare ', 'alias ls=rm', 'x+=('],
  ...['*', '?', '[a-z]', '{ls,rm}', '{a,b}', '~', '~+', '@(rm|x)', '+(x)', '!(x)', '{1..3}'],
  ...[
    'if ',
    'then ',
    'fi',
    'for x in ',
    'do ',
    'done',
    'while ',
    'case x in ',
    'esac',
    'x)',
    'function f ',
    'f() {',
    'select ',
  ],
  ...[
    'time ',
    'coproc ',
    '# ',
    '#',
    '-',
    '--',
    '-c',
    '-n',
    '-exec',
    '-v',
    'a.txt',
    'README.md',
    '1',
    'x',
    '$x',
    '$@',
    '$#',
    '${x:-`rm`}',
  ],
  ...['\\x72m', '\\162m', 'r\\m', 'r""m', "r''m", '\u00a0', '\u200b', 'ｒm', '\u0001', '%s', '%n', '-f', '/'],
];

const starts = [
  '',
  'ls ',
  'cat a.txt ',
  'echo ',
  "grep 'x y' a.txt ",
  'ls | wc ',
  'true && ',
  '(ls) ',
  'cat <<E\nx\nE\n',
];

const line = fc
  .tuple(fc.constantFrom(...starts), fc.array(fc.constantFrom(...pieces), { maxLength: 7 }))
  .map(([start, parts]) => `${start}${parts.join('')}`);

/** A harmless line with one odd piece put somewhere into it. */
const mutated = fc
  .tuple(
    fc.constantFrom(...readCorpus('shell.tsv').filter(({ verdict }) => verdict === 'allow')),
    fc.constantFrom(...pieces),
    fc.constantFrom(...pieces),
    fc.nat(),
    fc.nat(),
  )
  .map(([{ command }, first, second, a, b]) => {
    const at = a % (command.length + 1);
    const text = `${command.slice(0, at)}${first}${command.slice(at)}`;
    const again = b % (text.length + 1);
    return `${text.slice(0, again)}${second}${text.slice(again)}`;
  });

describe('A14–A20 whatever runs unasked', () => {
  it.each([
    ['from pieces', line, 8_000],
    ['from the corpus', mutated, 4_000],
  ] as const)(
    'A14 A15 A16 property: lines %s start nothing that changes anything, and leave no file',
    (_name, lines, numRuns) => {
      if (!hasBash) return;
      const { workspace, observe } = laboratory();
      let ran = 0;
      const seen = new Set<string>();
      fc.assert(
        fc.property(lines, (command) => {
          if (seen.has(command) || ran > 250) return;
          seen.add(command);
          const { decision, argv } = classify(command, workspace);
          if (decision !== 'allow') return;
          ran += 1;
          const { calls, intact } = observe(command);
          expect({ command, intact }).toEqual({ command, intact: true });
          const started = calls.map(([name]) => name).filter((name) => changing.includes(name ?? ''));
          // `git` and `find` have harmless forms, which the corpus is full of.
          expect({
            command,
            started: started.filter((name) => !/^(git|find|timeout|env|xargs)$/.test(name ?? '')),
          }).toEqual({
            command,
            started: [],
          });
          if (argv !== null && reading.includes(argv[0] ?? ''))
            expect({ command, calls }).toEqual({
              command,
              calls: [[...argv, ...(argv.length === 1 ? [''] : [])]],
            });
        }),
        { numRuns },
      );
      // Too few would prove nothing.
      expect(ran).toBeGreaterThan(100);
    },
    120_000,
  );

  it('A20 property: the words of a plain command are the words that bash would pass', () => {
    if (!hasBash) return;
    const { workspace, observe } = laboratory();
    const word = fc.array(
      fc.constantFrom(
        'a',
        'b c',
        ' ',
        "'",
        '"',
        '\\',
        '\\n',
        '$',
        '-',
        '=',
        'ä',
        '\\"',
        "\\'",
        "'x y'",
        '"x\\$y"',
        '%',
        '^',
        '!',
        ',',
        '\\\\',
        '#',
      ),
      { minLength: 1, maxLength: 6 },
    );
    let compared = 0;
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), (words) => {
        const command = `basename ${words.map((parts) => parts.join('')).join(' ')}`;
        const { argv } = classify(command, workspace);
        if (argv === null || compared > 150) return;
        compared += 1;
        expect({ command, calls: observe(command).calls }).toEqual({
          command,
          calls: [[...argv, ...(argv.length === 1 ? [''] : [])]],
        });
      }),
      { numRuns: 3_000 },
    );
    expect(compared).toBeGreaterThan(100);
  }, 60_000);

  it.each([
    ['from pieces', line],
    ['from the corpus', mutated],
  ] as const)(
    'A14 property: lines %s that bash itself cannot parse never run unasked',
    (_name, lines) => {
      if (!hasBash) return;
      const { workspace } = scratch();
      const allowed = new Set<string>();
      fc.assert(
        fc.property(lines, (command) => {
          if (allowed.size < 150 && classify(command, workspace).decision === 'allow') allowed.add(command);
        }),
        { numRuns: 6_000 },
      );
      expect(allowed.size).toBeGreaterThan(100);
      const broken = [...allowed].filter((command) => {
        try {
          execFileSync('/bin/bash', ['--noprofile', '--norc', '-n', '-c', command], { stdio: 'pipe' });
          return false;
        } catch {
          return true;
        }
      });
      expect(broken).toEqual([]);
    },
    60_000,
  );
});
