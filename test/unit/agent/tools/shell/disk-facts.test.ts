/** A18, A22, A23, A40: what only the disk can tell about a command that looks harmless. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillProject, openShell, scratch } from '../scratch.ts';

const shell = await openShell();

describe('a command that looks harmless', () => {
  it('A23 asks before it follows a link out of the workspace', async () => {
    const { workspace, outside } = scratch();
    writeFileSync(join(outside, 'secret'), 'canary');
    symlinkSync(join(outside, 'secret'), join(workspace, 'innocent'));
    symlinkSync(outside, join(workspace, 'folder'));
    mkdirSync(join(workspace, 'docs'));
    for (const command of [
      'cat innocent',
      'ls folder',
      'cat folder/secret',
      'cd folder && ls',
      'wc < innocent',
      'find folder',
      'cat inn*',
      'cat folder/*',
      'cat */secret',
      'cat [f]older/secret',
      'cat f*/*',
      'cd docs | cat innocent',
      'find f*/',
      'echo f*/*',
      'diff . docs',
    ]) {
      const { decision, reasons } = await shell.assess({ command }, { workspace });
      expect({ command, decision, reasons }).toMatchObject({
        decision: 'ask',
        reasons: expect.arrayContaining([expect.stringContaining('link')]),
      });
    }
  });

  it.each([
    ...['grep -rn key .', 'grep -r key sub', 'cd sub && grep -r key', 'cat s*/s*', 'rg --hidden key'],
    ...['grep -rn key *', 'grep -r key s*', 'rg key s*', 'diff sub .'],
  ])('A22 asks before %s would come upon a secret', async (command) => {
    const { workspace } = scratch();
    mkdirSync(join(workspace, 'sub'));
    const before = await shell.assess({ command }, { workspace });
    expect(before.decision).toBe('allow');
    writeFileSync(join(workspace, 'sub/.env'), 'key=1\n');
    writeFileSync(join(workspace, 'sub/server.key'), 'key\n');
    const after = await shell.assess({ command }, { workspace });
    expect(after).toMatchObject({ decision: 'ask', reasons: [expect.stringContaining('secrets')] });
  });

  it.each([
    ...['cat innocent', 'cat inn*', 'head < innocent', 'grep key sub/innocent', 'cd sub && cat innocent'],
    ...['cd .git && cat config', 'cd .git && cat conf*', 'diff sub docs'],
  ])('A22 asks before %s would lead to a secret by another way', async (command) => {
    const { workspace } = scratch();
    for (const folder of ['.git', 'sub', 'docs']) mkdirSync(join(workspace, folder));
    expect((await shell.assess({ command }, { workspace })).decision).toBe('allow');
    for (const name of ['.env', '.git/config']) writeFileSync(join(workspace, name), 'key=1\n');
    for (const name of ['innocent', 'sub/innocent'])
      symlinkSync(join(workspace, '.env'), join(workspace, name));
    const { decision, reasons } = await shell.assess({ command }, { workspace });
    expect({ decision, reasons }).toEqual({
      decision: 'ask',
      reasons: [expect.stringContaining('secrets')],
    });
  });

  it.each(['cat .git/config', 'cat .git/./config', 'cat .git//config'])(
    'A22 asks before %s, whether it is there or not',
    async (command) => {
      const { decision, reasons } = await shell.assess({ command }, { workspace: scratch().workspace });
      expect({ decision, reasons }).toEqual({
        decision: 'ask',
        reasons: [expect.stringContaining('secrets')],
      });
    },
  );

  it('A22 asks before rg would read a hidden secret that is asked for by name', async () => {
    const { workspace } = scratch();
    mkdirSync(join(workspace, '.notes'));
    writeFileSync(join(workspace, '.env'), 'key=1\n');
    writeFileSync(join(workspace, '.notes/.env'), 'key=1\n');
    mkdirSync(join(workspace, '.git'));
    writeFileSync(join(workspace, '.git/config'), '');
    const decided = async (command: string) => (await shell.assess({ command }, { workspace })).decision;
    const plain = ['rg key', "rg -g '*.ts' key", 'rg -t ts key', "rg -g '!.env' key", 'rg key .notes'];
    for (const command of plain) expect([command, await decided(command)]).toEqual([command, 'allow']);
    for (const command of [
      'rg -g .env key',
      "rg --glob='.e*' key",
      'rg --iglob .ENV key',
      'rg -tsh key',
      'rg key .git',
    ])
      expect([command, await decided(command)]).toEqual([command, 'ask']);
    writeFileSync(join(workspace, '.gitignore'), 'dist\n!.env\n');
    for (const command of ['rg key', 'rg key .notes'])
      expect([command, await decided(command)]).toEqual([command, 'ask']);
  });

  it.each([
    ['wc *', '--files0-from=list'],
    ['grep x *', '-f.env'],
    ['hexdump ?f*', '-fx'],
    ['md5sum [-]c', '-c'],
    ["jq '.a' a.json", '.jq'],
    ['git log', '.gitconfig'],
    ['file README.md', '.magic'],
    ['timeout 5 file README.md', '.magic.mgc'],
  ])('A18 asks before %s would take orders from a file named %s', async (command, name) => {
    const { workspace } = scratch();
    fillProject(workspace);
    const before = await shell.assess({ command }, { workspace });
    expect(before.decision).toBe('allow');
    writeFileSync(join(workspace, name), 'x\n');
    const after = await shell.assess({ command }, { workspace });
    expect(after).toMatchObject({ decision: 'ask', reasons: [expect.stringContaining(name)] });
  });

  it.each([
    'git remote -v',
    'git remote --verbose',
    'grep -r https .',
    'rg --hidden https',
    'grep -r https *',
  ])('A40 asks before %s would show a password in the address of a remote', async (command) => {
    const { workspace } = scratch();
    fillProject(workspace);
    const nested = command.endsWith('*');
    const config = join(workspace, nested ? 'src/.git/config' : '.git/config');
    if (nested) cpSync(join(workspace, '.git'), join(workspace, 'src/.git'), { recursive: true });
    const settings = readFileSync(config, 'utf8');
    const remote = (address: string) => `${settings}[remote "origin"]\n\turl = ${address}\n`;
    const decided = async (address: string) => {
      writeFileSync(config, remote(address));
      return (await shell.assess({ command }, { workspace })).decision;
    };
    expect(await decided('https://github.com/a/b.git')).toBe('allow');
    expect(await decided('https://git@github.com/a/b.git')).toBe('allow');
    expect(await decided('https://bot:hunter2@github.com/a/b.git')).toBe('ask');
    expect(await decided('https://ghp_0123456789abcdef0123@github.com/a/b.git')).toBe('ask');
  });
});
