/** A6, A12, A19, A21: the plan, and the files that programs of a project take their orders from. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import { createShellTool } from '../../src/agent/tools/shell/tool.ts';
import { actionDigest } from '../../src/domain/approval.ts';
import { contextFor, execute, noOwnFiles, scratch } from '../unit/agent/tools/scratch.ts';

const tool = createShellTool({
  ownFiles: noOwnFiles,
  sandbox: await openSandbox({ mode: 'auto', hide: [] }),
  network: false,
  timeoutMs: 20_000,
  maxOutputBytes: 2 ** 30,
});

const agree = async (command: string, workspace: string) => {
  const { files = {}, alwaysKey } = await tool.assess({ command }, { workspace });
  return { files, alwaysKey };
};
const run = (command: string, workspace: string, files: Readonly<Record<string, string>>) =>
  execute(tool, { command }, contextFor(workspace, { files }));

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
