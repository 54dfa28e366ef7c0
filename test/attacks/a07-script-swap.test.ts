/** A7: the scripts that run are those that were agreed to. */
import { execFileSync } from 'node:child_process';
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
import { contextFor, execute, noOwnFiles, scratch } from '../unit/agent/tools/scratch.ts';

const PLACED_COPIES = join(import.meta.dirname, '../../src/agent/tools/shell/placed-copies.ts');

const sandboxes = {
  confined: await openSandbox({ mode: 'auto', hide: [] }),
  open: await openSandbox({ mode: 'off', hide: [] }),
};
const toolIn = (sandbox: Sandbox) =>
  createShellTool({
    ownFiles: noOwnFiles,
    sandbox,
    network: false,
    timeoutMs: 20_000,
    maxOutputBytes: 2 ** 30,
  });
const tool = toolIn(sandboxes.confined);

const agree = async (command: string, workspace: string, by = tool) => {
  const { files = {}, alwaysKey, reasons } = await by.assess({ command }, { workspace });
  return { files, alwaysKey, reasons };
};
const run = (command: string, workspace: string, files: Readonly<Record<string, string>>, by = tool) =>
  execute(by, { command }, contextFor(workspace, { files }));

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
  /** Does so as the last thing before the start, when all of it has been checked. */
  const swapping = (swap: () => void) =>
    toolIn({
      ...sandboxes[where],
      wrap(...args) {
        swap();
        return sandboxes[where].wrap(...args);
      },
    });

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

  const fedBy = [
    'sh < job.sh',
    'bash -s < job.sh a',
    'cat job.sh | sh',
    'cat job.sh job.sh | sh | uniq',
    'grep -F -e honest job.sh | sh',
    'cd bin && sh -s < ../job.sh',
    `bash -c 'cat job.sh | sh'`,
    'source job.sh',
    '. /dev/stdin < job.sh',
    `eval ./bin/job`,
  ];

  it.each(fedBy)(
    'A7 a script that is fed, or named by way of something else, is one too: %s',
    async (command) => {
      const workspace = project();
      const { files } = await agree(command, workspace, here);
      expect(Object.keys(files)).toHaveLength(1);
      expect((await run(command, workspace, files, here)).output).toBe('honest\n');
      evil(join(workspace, 'job.sh'));
      evil(join(workspace, 'bin/job'));
      expect((await run(command, workspace, files, here)).metadata.errorCode).toBe('tool.refused');
    },
  );

  it('A7 the same word beside the script is left as it is', async () => {
    const workspace = project();
    writeFileSync(join(workspace, 'honest'), 'echo honest\n');
    const { files } = await agree('grep honest honest | sh', workspace, here);
    expect((await run('grep honest honest | sh', workspace, files, here)).output).toBe('honest\n');
  });

  it('A7 of what is not known beforehand the card says so', async () => {
    const workspace = project();
    const { files, reasons } = await agree('env -C bin ./job', workspace, here);
    expect(files).toEqual({});
    expect(reasons.join()).toContain('cannot be told beforehand which file');
  });

  // In the sandbox the copy lies over the file; without one, what cannot be told another name is refused.
  it.each([`eval ./bin/job ''`, `eval cat job.sh '|' sh`, `eval sh '<' job.sh`])(
    'A7 runs from its checked copy or not at all: %s',
    async (command) => {
      const workspace = project();
      const { files } = await agree(command, workspace);
      expect(Object.keys(files)).toHaveLength(1);
      const assessed = await here.assess({ command }, { workspace });
      const { output } = await run(command, workspace, files, here);
      expect(assessed.decision).toBe(where === 'open' ? 'deny' : 'ask');
      if (where === 'confined') return expect(output).toBe('honest\n');
      expect(assessed.reasons.join()).toMatch(/checked copy of .*name the script .*\(`bash .*sandbox on/);
      expect(output).toContain('Not run: this command cannot be made to run the checked copy of');
    },
  );

  const outside = [
    ['as a word', 'sh X'],
    ['as a program', 'X'],
    ['by a redirection', 'sh < X'],
    ['by a pipe', 'cat X | sh'],
    ['sourced', '. X'],
    ['from its folder', 'cd ../outside && ./tool.sh'],
    ['through a link', 'sh link.sh'],
    ['through a folder that is a link', 'sh there/tool.sh'],
  ] as const;
  const beside = () => {
    const workspace = project();
    const path = join(dirname(workspace), 'outside/tool.sh');
    writeFileSync(path, '#!/bin/sh\necho honest\n', { mode: 0o755 });
    symlinkSync(path, join(workspace, 'link.sh'));
    symlinkSync(dirname(path), join(workspace, 'there'));
    return { workspace, path };
  };

  it.each(outside)('A7 a script outside the workspace runs from its checked copy: %s', async (_how, text) => {
    const { workspace, path } = beside();
    const command = text.replace('X', path);
    const { files, reasons, alwaysKey } = await agree(command, workspace, here);
    expect([Object.keys(files).length, alwaysKey]).toEqual([1, null]);
    // A link in the workspace has a neighbour to run from; elsewhere the card says what is another to the script.
    expect(reasons.join().includes('a checked copy of')).toBe(where === 'open' && !text.includes('link'));
    const before = readdirSync(dirname(path));
    expect((await run(command, workspace, files, here)).output).toBe('honest\n');
    expect(readdirSync(dirname(path))).toEqual(before);
    writeFileSync(path, 'echo evil\n');
    expect((await run(command, workspace, files, here)).metadata.errorCode).toBe('tool.refused');
  });

  it.each(outside)('A7 outside, swapped between the check and the start: %s', async (_how, text) => {
    const { workspace, path } = beside();
    const command = text.replace('X', path);
    const { files } = await agree(command, workspace, here);
    const { output } = await run(
      command,
      workspace,
      files,
      swapping(() => replaceByFile(path)),
    );
    expect(output).toBe('honest\n');
  });

  it('A7 which of two files outside it would be is refused where no sandbox holds both', async () => {
    const { workspace } = beside();
    evil(join(workspace, 'tool.sh'));
    const command = 'cd ../outside && ./tool.sh';
    const { files } = await agree(command, workspace);
    expect(Object.keys(files)).toHaveLength(2);
    const { decision } = await here.assess({ command }, { workspace });
    expect(decision).toBe(where === 'open' ? 'deny' : 'ask');
    const { output } = await run(command, workspace, files, here);
    expect(output).toMatch(where === 'open' ? /^Not run: it cannot be told .* which file/ : /^honest$/m);
  });

  it('A7 what this user can change nowhere on the way to it runs as it is', () => {
    // As somebody who owns nothing here, whoever runs the tests.
    const text = `
      const { planCopies } = await import(${JSON.stringify(PLACED_COPIES)});
      if (process.getuid() === 0) process.setuid(65534);
      const notes = async (path) => (await planCopies('sh ' + path, [{ word: path, named: path }], '/w')).notes.length;
      console.log(await notes('/usr/bin/ldd'), await notes('/bin/ldd'), await notes('/tmp/ldd'));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' });
    expect(output).toBe('0 0 1\n');
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

  it.each([...commands, ...fedBy])('A7 swapped between the check and the start: %s', async (command) => {
    const workspace = project();
    const { files } = await agree(command, workspace);
    const late = swapping(() => {
      replaceByFile(join(workspace, 'job.sh'));
      replaceByLink(join(workspace, 'bin/job'));
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
