import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify } from '../../../../../src/agent/tools/shell/classify.ts';
import { readCorpus } from '../../../../corpus/read-corpus.ts';

const workspace = '/srv/parley/workspace';
const judge = (command: string) => classify(command, workspace);
const corpus = readCorpus('shell.tsv');

describe('classify, over the corpus', () => {
  it('is large and knows every verdict', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(400);
    expect(new Set(corpus.map(({ verdict }) => verdict))).toEqual(new Set(['allow', 'ask', 'deny']));
    expect(new Set(corpus.map(({ command }) => command)).size).toBe(corpus.length);
  });

  it.each(corpus)('E19–E24 A12–A20 $verdict: $command', ({ verdict, command }) => {
    const { decision, risk, reasons } = judge(command);
    expect({ decision, reasons }).toMatchObject({ decision: verdict });
    expect(reasons.length).toBeGreaterThan(0);
    expect(risk === 'blocked').toBe(verdict === 'deny');
    expect(risk === 'low').toBe(verdict === 'allow');
  });
});

describe('classify', () => {
  it.each([
    ['r\\m x', ['rm x']],
    ['FOO=1 "rm"   x && ls', ['rm x', 'ls']],
    ['timeout 5 /usr/bin/git push', ['timeout 5 /usr/bin/git push', 'git push']],
    ['bash -c "cd a; git push"', ['bash -c cd a; git push', 'cd a', 'git push']],
    ['echo $(git push)', ['git push']],
  ])('E23 knows the commands that %s consists of', (command, forms) => {
    expect([...judge(command).facts.forms]).toEqual(expect.arrayContaining(forms));
  });

  it.each(['r\\m x', '"r"m x', 'FOO=1 rm x', 'timeout 5 rm x', 'bash -c "rm x"'])(
    'E23 gives %s the verdict of rm x',
    (command) => {
      const { decision, risk, reasons } = judge(command);
      const plain = judge('rm x');
      expect({ decision, risk }).toEqual({ decision: plain.decision, risk: plain.risk });
      expect(reasons).toEqual(expect.arrayContaining([...plain.reasons]));
    },
  );

  it('E42 has one key for one action, however it is spelled, and another for another argument', () => {
    const key = judge('npm run build').alwaysKey;
    expect(key).toBe('shell:["npm","run","build"]');
    expect(judge(`npm  'run' "build"  # now`).alwaysKey).toBe(key);
    expect(judge('npm run build2').alwaysKey).not.toBe(key);
    expect(judge('npm "run build"').alwaysKey).not.toBe(key);
  });

  it.each([
    'timeout 5 npm test',
    'bash -c "npm test"',
    'sudo npm test',
    'env A=1 npm test',
    'A=1 npm test',
    'python3 x.py',
    'node -e 1',
    'sh x.sh',
    './x.sh',
    'npm test && ls',
    'npm test > out',
    'npm $x',
    'find . -exec touch {} +',
    'xargs touch',
    'awk 1 x',
    'eval ls',
    'vim x',
    'rm -rf /',
    'rm "x',
  ])('A12 has no key for %s', (command) => {
    expect(judge(command).alwaysKey).toBeNull();
  });

  it('A20 gives plain words an argument vector and leaves shell syntax to the shell', () => {
    expect(judge(`grep -n 'a b' "c"d`).argv).toEqual(['grep', '-n', 'a b', 'cd']);
    for (const command of [
      'ls *',
      'ls | wc',
      'A=1 ls',
      'echo $HOME',
      'ls 2>&1',
      'ls &',
      'ls "x',
      'cat <<< a',
    ]) {
      expect(judge(command).argv).toBeNull();
    }
  });

  it('A14 asks about a word that goes on in the next line, and not about a command that does', () => {
    const classified = (command: string) => classify(command, workspace).decision;
    expect(['ls $\\\n(rm x)', 'l\\\ns', 'ls a\\\\\\\nb'].map(classified)).toEqual(['ask', 'ask', 'ask']);
    expect(['ls \\\n  a.txt', 'grep x \\\n  a.txt | \\\n wc -l'].map(classified)).toEqual(['allow', 'allow']);
  });

  it('A22 takes absolute paths into the workspace for what they are', () => {
    expect(judge(`cat ${workspace}/README.md`).decision).toBe('allow');
    expect(judge(`cat ${workspace}`).decision).toBe('allow');
    expect(judge(`cat ${workspace}x/README.md`).decision).toBe('ask');
    expect(judge(`cat ${workspace}/../x`).decision).toBe('ask');
  });

  it('A7 names the files a command would execute', () => {
    expect([...judge('python3 tools/x.py').facts.executes]).toEqual(['tools/x.py']);
    expect([...judge('bash a.sh; ./b.sh; . c.sh').facts.executes]).toEqual(['a.sh', './b.sh', 'c.sh']);
    expect([...judge('cat a.sh | sh').facts.executes]).toEqual(['a.sh']);
    expect([...judge('python3 - < b.py').facts.executes]).toEqual(['b.py']);
    expect([...judge('node --max-old-space-size=4096 build.js a.txt').facts.executes]).toEqual(['build.js']);
    expect([...judge('node --import ./x.mjs -r ./y.cjs z.js').facts.executes]).toEqual([
      './x.mjs',
      './y.cjs',
      'z.js',
    ]);
    expect([...judge('python3 -u -W ignore x.py -c a').facts.executes]).toEqual(['x.py']);
    expect([...judge('deno run --allow-read x.ts').facts.executes]).toEqual(['x.ts']);
    for (const command of [
      "node -e '1' a.js",
      'php -r 1 a.php',
      'python3 -m http.server',
      'node --eval=1 a.js',
    ])
      expect([...judge(command).facts.executes], command).toEqual([]);
    expect([...judge('bash /dev/stdin < c.sh').facts.executes]).toEqual(['/dev/stdin', 'c.sh']);
    expect([...judge('cat a.txt && ./b').facts.executes]).toEqual(['./b']);
  });

  it.each([
    'cd "$X" && ./job',
    'cd - && sh job',
    'pushd bin; ./job',
    'env -C bin ./job',
    'env --chdir=bin sh job',
    'find . -execdir ./job ;',
    "find . -name '*.sh' -exec sh {} ';'",
    'xargs -I% sh %',
    'cd a; cd b; cd c; cd d; cd e; ./job',
  ])('A7 says when it cannot be told which file would be executed: %s', (command) => {
    expect(judge(command)).toMatchObject({ decision: 'ask', risk: 'high', alwaysKey: null });
    expect(judge(command).reasons.join()).toContain('it cannot be told beforehand which file');
  });

  it('A7 follows changes of the folder as far as they can be followed', () => {
    for (const command of ['cd bin && ./job', 'ls; cd a; cd b; ./job', `cd "$X"; /opt/job`])
      expect(judge(command).reasons.join()).not.toContain('cannot be told beforehand');
  });

  it('A14 judges a compound no milder than its strictest part', () => {
    const strict = { allow: 0, ask: 1, deny: 2 };
    // Parts that open a heredoc, a comment or a quote would swallow what follows.
    const parts = corpus.filter(
      ({ command }) => !/[#<"'⏎\n\\`]|unfinished|^if ls$|cd|\($|ls \||;;|&$/.test(command),
    );
    const part = fc.constantFrom(...parts);
    // A syntax error ends what can be read. The shell stops at it as well, so what follows never runs.
    const readable = parts.filter(
      ({ command }) => !/cannot be understood/.test(judge(command).reasons.join()),
    );
    const first = fc.constantFrom(...readable);
    fc.assert(
      fc.property(first, fc.constantFrom('; ', ' && ', ' || ', ' | ', '\n'), part, (a, between, b) => {
        const together = judge(`${a.command}${between}${b.command}`);
        expect(strict[together.decision]).toBeGreaterThanOrEqual(
          Math.max(strict[a.verdict], strict[b.verdict]),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('never throws and never allows what it cannot parse', () => {
    const pieces = [
      'ls',
      'rm x',
      ' ',
      ';',
      '|',
      '&',
      '$(',
      ')',
      '`',
      '"',
      "'",
      '\\',
      '<<E',
      '\n',
      '{',
      '}',
      '$x',
      '>',
    ];
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((list) => list.join(''));
    fc.assert(
      fc.property(text, (command) => {
        const { decision } = judge(command);
        // As words after `ls`, up to the next command, they are only names of files.
        const asNames = command.replaceAll(/\bls +[^;|&\n()`$<>]*/g, 'ls');
        if (/rm x/.test(asNames) && !/["'\\]|<<E/.test(command)) expect(decision).not.toBe('allow');
      }),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (command) => void judge(command)));
  });

  it.each(['ls\r', 'ls\u00a0x', 'ls\0x', 'ls \u001b[2J', 'l\u200bs', 'ls \u202ex'])(
    'A9 asks about invisible characters: %j',
    (command) => {
      const { decision, reasons, alwaysKey } = judge(command);
      expect({ decision, alwaysKey }).toEqual({ decision: 'ask', alwaysKey: null });
      expect(reasons).toContain('holds invisible characters');
    },
  );

  it('A9 A10 quotes the command in its reasons visibly and briefly', () => {
    for (const command of [`cat /etc/\u202e${'x'.repeat(5000)}`, `${'y'.repeat(5000)}\u200b x`]) {
      for (const reason of judge(command).reasons) {
        expect(reason.length).toBeLessThan(200);
        expect(reason).not.toMatch(/[\u202e\u200b]/);
      }
    }
  });

  it('asks about nesting that is too deep to follow', () => {
    const nested = Array.from({ length: 12 }).reduce<string>((text) => `eval ${JSON.stringify(text)}`, 'ls');
    expect(judge(nested)).toMatchObject({ decision: 'ask', risk: 'high' });
    expect(judge('('.repeat(5000)).decision).toBe('ask');
  });
});
