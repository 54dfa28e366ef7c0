/** A6, A7, A21: what runs is what was agreed to: the plan, the scripts it runs, the files that programs take orders from. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSandbox, type Sandbox } from '../../src/agent/tools/sandbox.ts';
import { MAX_EXECUTED_BYTES } from '../../src/agent/tools/shell/executed-files.ts';
import { createShellTool } from '../../src/agent/tools/shell/tool.ts';
import { actionDigest } from '../../src/domain/approval.ts';
import { contextFor, noOwnFiles, scratch } from '../unit/agent/tools/scratch.ts';

const sandboxes = {
  confined: await openSandbox({ mode: 'auto', hide: [] }),
  open: await openSandbox({ mode: 'off', hide: [] }),
};
const toolIn = (sandbox: Sandbox) =>
  createShellTool({ ownFiles: noOwnFiles, sandbox, network: false, timeoutMs: 20_000, keepBytes: 100_000 });
const tool = toolIn(sandboxes.confined);

const agree = async (command: string, workspace: string, by = tool) => {
  const { files = {}, alwaysKey, reasons } = await by.assess({ command }, { workspace });
  return { files, alwaysKey, reasons };
};
const run = (command: string, workspace: string, files: Readonly<Record<string, string>>, by = tool) =>
  by.run({ command }, contextFor(workspace, { files }));

function project(): string {
  const { workspace } = scratch();
  mkdirSync(join(workspace, 'bin'));
  writeFileSync(join(workspace, 'job.sh'), 'echo honest\n');
  writeFileSync(join(workspace, 'bin/job'), '#!/bin/sh\necho honest\n');
  chmodSync(join(workspace, 'bin/job'), 0o755);
  return workspace;
}

const evil = (path: string): void => writeFileSync(path, '#!/bin/sh\necho evil\n', { mode: 0o755 });

function replaceByFile(path: string): void {
  evil(`${path}.new`);
  renameSync(`${path}.new`, path);
}

function replaceByLink(path: string): void {
  evil(`${path}.new`);
  unlinkSync(path);
  symlinkSync(`${path}.new`, path);
}

describe.each(['confined', 'open'] as const)('A7 a script swapped after it was agreed to, %s', (where) => {
  const here = toolIn(sandboxes[where]);

  const commands = [
    'sh job.sh',
    'bash ./job.sh',
    './bin/job',
    'bin/job a b',
    '. ./job.sh',
    'cd bin && ./job',
    'sh job.sh | cat',
    `bash -c './bin/job'`,
    `bash -c "sh -c './bin/job a'" b`,
    `cd bin; bash -c 'exec ./job'`,
    'true && cd bin && ./job',
    '(cd ./bin && timeout 5 ./job)',
  ];

  it.each(commands)('A7 runs when nothing changed: %s', async (command) => {
    const workspace = project();
    const { files } = await agree(command, workspace);
    expect(Object.keys(files)).toHaveLength(1);
    const before = readdirSync(workspace, { recursive: true });
    expect((await run(command, workspace, files, here)).output).toBe('honest\n');
    // Nothing of the way it was run stays behind.
    expect(readdirSync(workspace, { recursive: true })).toEqual(before);
  });

  it.each(commands)('A7 does not run once it was rewritten: %s', async (command) => {
    const workspace = project();
    const { files } = await agree(command, workspace);
    evil(join(workspace, 'job.sh'));
    evil(join(workspace, 'bin/job'));
    const result = await run(command, workspace, files, here);
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.refused' } });
    expect(result.output).not.toMatch(/^evil/m);
  });

  it.each([
    ['replaced by another file', replaceByFile],
    ['replaced by a link', replaceByLink],
    ['taken away', (path: string) => unlinkSync(path)],
    ['grown by a line', (path: string) => writeFileSync(path, 'echo honest\necho evil\n')],
  ])('A7 does not run when it was %s', async (_how, change) => {
    const workspace = project();
    const { files } = await agree('sh job.sh', workspace);
    change(join(workspace, 'job.sh'));
    expect((await run('sh job.sh', workspace, files, here)).metadata.errorCode).toBe('tool.refused');
  });

  it.each([
    'sh < job.sh',
    'cat job.sh | sh',
    'env -C bin ./job',
    'cd bin && sh -s < ../job.sh',
    `eval ./bin/job ''`,
  ])('A7 a script that is fed, or named by way of something else, is compared too: %s', async (command) => {
    const workspace = project();
    const { files, reasons } = await agree(command, workspace, here);
    writeFileSync(join(workspace, 'bin/job.sh'), '');
    expect(Object.keys(files)).toHaveLength(command.includes('-C') ? 0 : 1);
    // Nobody is left in the belief that a copy runs, where none can.
    const said = command.includes('-C') ? 'cannot be told beforehand which file' : 'no copy of';
    if (where === 'open' || command.includes('-C')) expect(reasons.join()).toContain(said);
    else expect(reasons.join()).not.toContain(said);
    if (command.includes('-C')) return;
    expect((await run(command, workspace, files, here)).output).toBe('honest\n');
    evil(join(workspace, 'job.sh'));
    evil(join(workspace, 'bin/job'));
    expect((await run(command, workspace, files, here)).metadata.errorCode).toBe('tool.refused');
  });

  it('A7 a script outside the workspace runs as it was agreed to, and the card says where that is not certain', async () => {
    const workspace = project();
    const path = join(dirname(workspace), 'outside/tool.sh');
    writeFileSync(path, 'echo honest\n');
    const { files, reasons, alwaysKey } = await agree(`sh ${path}`, workspace, here);
    expect([Object.keys(files), alwaysKey]).toEqual([[path], null]);
    expect(reasons.some((one) => one.includes(`no copy of ${path}`))).toBe(where === 'open');
    expect((await run(`sh ${path}`, workspace, files, here)).output).toBe('honest\n');
    writeFileSync(path, 'echo evil\n');
    expect((await run(`sh ${path}`, workspace, files, here)).metadata.errorCode).toBe('tool.refused');
  });

  it('A7 a large program is copied as well; one that is too large for that is refused, with the limit', async () => {
    const workspace = project();
    const path = join(workspace, 'large');
    writeFileSync(path, '#!/bin/sh\necho honest\nexit\n', { mode: 0o755 });
    truncateSync(path, 20 * 1024 * 1024);
    const { files } = await agree('./large', workspace, here);
    expect((await run('./large', workspace, files, here)).output).toBe('honest\n');
    truncateSync(path, MAX_EXECUTED_BYTES);
    const larger = await here.assess({ command: './large; ./bin/job' }, { workspace });
    expect(larger).toMatchObject({ decision: 'deny', alwaysKey: null });
    expect(larger.reasons.join()).toContain('larger than 256 MB');
    const result = await run('./large; ./bin/job', workspace, files, here);
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.refused' } });
  });

  it('A7 does not run when a script appeared where there was none', async () => {
    const workspace = project();
    const { files } = await agree('sh later.sh', workspace);
    evil(join(workspace, 'later.sh'));
    expect((await run('sh later.sh', workspace, files, here)).metadata.errorCode).toBe('tool.refused');
  });

  it('A7 runs the bytes that were checked, also when the file changes while the command runs', async () => {
    const workspace = project();
    const command = `until [ -e go ]; do sleep 0.01; done; sh job.sh; echo evil > job.sh; sh job.sh`;
    const { files } = await agree(command, workspace);
    const running = run(command, workspace, files, here);
    evil(join(workspace, 'job.sh.new'));
    renameSync(join(workspace, 'job.sh.new'), join(workspace, 'job.sh'));
    writeFileSync(join(workspace, 'go'), '');
    const { output } = await running;
    if (!output.startsWith('Not run')) expect(output.match(/^honest$/gm)).toHaveLength(2);
    expect(output).not.toMatch(/^evil$/m);
  });

  it.each(commands)('A7 swapped between the check and the start: %s', async (command) => {
    const workspace = project();
    const { files } = await agree(command, workspace);
    const late = toolIn({
      ...sandboxes[where],
      wrap(...args) {
        // The last thing before the start; all of it has been checked.
        replaceByFile(join(workspace, 'job.sh'));
        replaceByLink(join(workspace, 'bin/job'));
        return sandboxes[where].wrap(...args);
      },
    });
    const { output } = await run(command, workspace, files, late);
    // The sandbox may find that the place of the copy is a link by now, and start nothing.
    if (where === 'open' || !output.includes('bwrap:')) expect(output).toBe('honest\n');
    expect(output).not.toMatch(/^evil$/m);
  });

  it('A7 a script finds its arguments, its neighbours and its folder as ever', async () => {
    const workspace = project();
    writeFileSync(join(workspace, 'bin/words'), 'from next door\n');
    writeFileSync(
      join(workspace, 'bin/show'),
      '#!/bin/sh\npwd\ncat "$(dirname "$0")/words"\necho "$#:$1:$2"\n',
      { mode: 0o755 },
    );
    const command = "./bin/show './bin/show' 'two words'";
    const { files } = await agree(command, workspace);
    const { output } = await run(command, workspace, files, here);
    expect(output).toBe(`${workspace}\nfrom next door\n2:./bin/show:two words\n`);
  });

  it('A7 only what is executed is another file: what is read, written or taken away is the one that was named', async () => {
    const workspace = project();
    const command = 'sh job.sh > out && cat job.sh >> out && rm job.sh && echo "job.sh done" && cat out';
    const { files } = await agree(command, workspace);
    expect((await run(command, workspace, files, toolIn(sandboxes.open))).output).toBe(
      'job.sh done\nhonest\necho honest\n',
    );
    expect(readdirSync(workspace).sort()).toEqual(['bin', 'out']);
  });
});

describe('A21 what programs of the project take their orders from', () => {
  it.each([
    ['npm test', 'package.json', '{"scripts":{"test":"echo honest"}}', '{"scripts":{"test":"echo evil"}}'],
    [
      'npm run build',
      'package.json',
      '{"scripts":{"build":"echo honest"}}',
      '{"scripts":{"build":"echo evil"}}',
    ],
    ['yarn test', 'package.json', '{}', '{ }'],
    ['make', 'Makefile', 'all:\n\techo honest\n', 'all:\n\techo evil\n'],
    ['make all', 'makefile', 'all:\n\techo honest\n', 'all:\n\techo evil\n'],
    ['pytest', 'conftest.py', 'x = 1\n', 'x = 2\n'],
    ['cargo build', 'build.rs', 'fn main() {}', 'fn main() { }'],
  ])(
    'A21 %s: an "always" ends when %s changes, and an approval with it',
    async (command, name, before, after) => {
      const { workspace } = scratch();
      writeFileSync(join(workspace, name), before);
      const agreed = await agree(command, workspace);
      expect(agreed.alwaysKey).not.toBeNull();
      expect((await agree(command, workspace)).alwaysKey).toBe(agreed.alwaysKey);
      writeFileSync(join(workspace, name), after);
      const now = await agree(command, workspace);
      expect(now.alwaysKey).not.toBe(agreed.alwaysKey);
      expect(now.files).not.toEqual(agreed.files);
      expect((await run(command, workspace, agreed.files)).metadata.errorCode).toBe('tool.refused');
    },
  );

  it.each([
    'make -f other.mk',
    'make -C sub',
    'make --eval=x',
    'make CC=evil',
    'npm --prefix sub test',
    'npm -C sub test',
    'yarn --cwd sub test',
    'pytest -c other.ini',
    'cargo build --manifest-path sub/Cargo.toml',
  ])('A12 A21 %s takes them from elsewhere: never for always', async (command) => {
    expect((await agree(command, scratch().workspace)).alwaysKey).toBeNull();
  });
});

describe('A6 the plan', () => {
  const plan = {
    tool: 'shell',
    args: { command: 'npm test' },
    workspace: '/w',
    profile: 'default',
    files: { '/w/a': 'x' },
  };

  it.each([
    ['command', { args: { command: 'npm test ' } }],
    ['an argument more', { args: { command: 'npm test', timeout_seconds: 1 } }],
    ['workspace', { workspace: '/w2' }],
    ['profile', { profile: 'ops' }],
    ['tool', { tool: 'shell2' }],
    ['content of a file', { files: { '/w/a': 'y' } }],
    ['another file', { files: { '/w/a': 'x', '/w/b': 'x' } }],
    ['no files', { files: {} }],
  ])('A6 another %s is another digest', (_what, change) => {
    expect(actionDigest({ ...plan, ...change })).not.toBe(actionDigest(plan));
  });

  it('A6 A19 the environment and the folder are ours, whatever the command says', async () => {
    const { workspace } = scratch();
    const { output } = await run('pwd; env | cut -d= -f1 | sort | tr "\\n" " "', workspace, {});
    expect(output.split('\n')[0]).toBe(workspace);
    expect(output).toContain('GIT_CEILING_DIRECTORIES GIT_CONFIG_COUNT');
    for (const name of ['LD_PRELOAD', 'NODE_OPTIONS', 'BASH_ENV', 'OPENAI', 'VITEST', 'npm_'])
      expect(output).not.toContain(name);
  });
});
