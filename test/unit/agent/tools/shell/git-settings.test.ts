/** A21: what git would run besides git, by settings and hooks of the repository it works in. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contextFor, execute, fillProject, openShell, scratch } from '../scratch.ts';

const shell = await openShell();
const runIn = (workspace: string, command: string) => execute(shell, { command }, contextFor(workspace));

describe('git', () => {
  it.each([
    ['fsmonitor', '[core]\n\tfsmonitor = ./x.sh\n'],
    ['an external diff', '[diff]\n\texternal = ./x.sh\n'],
    ['a text conversion', '[diff "x"]\n\ttextconv = ./x.sh\n'],
    ['a filter', '[filter "x"]\n\tclean = ./x.sh\n'],
    ['a pager', '[core]\n\tpager = ./x.sh\n'],
    ['an include', '[include]\n\tpath = ../x\n'],
    ['a setting on the line of its section', '[core] fsmonitor = ./x.sh\n'],
    ['a continued line', '[core]\n\tbare = false\\\n\tfsmonitor = x\n'],
  ])('A21 asks before git where its settings name %s', async (_name, settings) => {
    const { workspace } = scratch();
    fillProject(workspace);
    const before = await shell.assess({ command: 'git status' }, { workspace });
    expect(before.decision).toBe('allow');
    const config = join(workspace, '.git/config');
    writeFileSync(config, readFileSync(config, 'utf8') + settings);
    const after = await shell.assess({ command: 'cd src && git status' }, { workspace });
    expect(after).toMatchObject({ decision: 'ask', alwaysKey: null });
  });

  it.each([
    ['a repository in it that no .gitmodules names', 'git -c protocol.file.allow=always add sub'],
    ['such a one in a split index', 'git add sub && git update-index --split-index'],
    ['a hook on the index', 'cp /bin/true .git/hooks/post-index-change'],
  ])('A21 asks before git looks into %s', async (_name, change) => {
    const { workspace } = scratch();
    fillProject(workspace);
    mkdirSync(join(workspace, 'sub'));
    mkdirSync(join(workspace, '.git/hooks'), { recursive: true });
    fillProject(join(workspace, 'sub'));
    const decided = async (command: string) => (await shell.assess({ command }, { workspace })).decision;
    expect(await decided('git status')).toBe('allow');
    execFileSync('sh', ['-c', change], { cwd: workspace, stdio: 'ignore' });
    for (const command of ['git status', 'git diff', 'cd src && git describe --always'])
      expect(await decided(command)).toBe('ask');
  });

  it.each(['git diff', 'git diff --stat HEAD', 'git status', 'git describe --always', 'git blame README.md'])(
    'E19 leaves the index as it is, also where files look newer than it: %s',
    async (command) => {
      const { workspace } = scratch();
      fillProject(workspace);
      utimesSync(join(workspace, 'README.md'), 1, 1);
      const index = join(workspace, '.git/index');
      const before = readFileSync(index);
      expect((await shell.assess({ command }, { workspace })).decision).toBe('allow');
      expect((await runIn(workspace, command)).ok).toBe(true);
      expect(readFileSync(index).equals(before)).toBe(true);
    },
  );

  it('A21 takes nothing from a folder that pretends to be a bare repository', async () => {
    const { workspace } = scratch();
    const bare = join(workspace, 'bare');
    for (const folder of ['objects', 'refs']) mkdirSync(join(bare, folder), { recursive: true });
    writeFileSync(join(bare, 'HEAD'), 'ref: refs/heads/main\n');
    writeFileSync(join(bare, 'config'), '[core]\n\tworktree = .\n\tfsmonitor = "touch proof; false"\n');
    const result = await runIn(workspace, 'cd bare && git status');
    expect(result.ok).toBe(false);
    expect(existsSync(join(bare, 'proof'))).toBe(false);
  });

  it.each([
    [
      'settings behind a .git that is none',
      'cd a/b && git diff',
      'a/.git/config',
      '[diff]\n\texternal = x\n',
    ],
    ['the folder of a submodule', 'cd a/b && git diff', 'a/b/objects/x', ''],
    ['objects of another repository', 'git show HEAD', '.git/objects/info/alternates', '/srv/other\n'],
  ])('A21 asks before git meets %s', async (_name, command, file, content) => {
    const { workspace } = scratch();
    fillProject(workspace);
    mkdirSync(join(workspace, 'a/b/.git'), { recursive: true });
    writeFileSync(join(workspace, 'a/b/HEAD'), 'ref: refs/heads/main\n');
    const before = await shell.assess({ command }, { workspace });
    expect(before.decision).toBe('allow');
    mkdirSync(join(workspace, file, '..'), { recursive: true });
    writeFileSync(join(workspace, file), content);
    const after = await shell.assess({ command }, { workspace });
    expect(after.decision).toBe('ask');
  });

  it('A22 asks before git compares folders without a repository, with all they hold', async () => {
    const { workspace } = scratch();
    mkdirSync(join(workspace, '.git'));
    const { decision, reasons } = await shell.assess({ command: 'git diff src docs' }, { workspace });
    expect({ decision, reasons }).toEqual({
      decision: 'ask',
      reasons: ['git compares files, as there is no repository'],
    });
    expect((await shell.assess({ command: 'git status' }, { workspace })).decision).toBe('allow');
  });

  it('A21 finds no repository above the workspace', async () => {
    const { workspace } = scratch();
    fillProject(workspace);
    const inner = join(workspace, 'src');
    const result = await runIn(inner, 'git status');
    expect(result).toMatchObject({ ok: false, output: expect.stringContaining('not a git repository') });
  });
});
