import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { validateArgs } from '../../../../../src/agent/tools/execute.ts';
import { listFiles } from '../../../../../src/agent/tools/files/list-files.ts';
import { readFile } from '../../../../../src/agent/tools/files/read-file.ts';
import { searchFiles } from '../../../../../src/agent/tools/files/search-files.ts';
import { writeFile } from '../../../../../src/agent/tools/files/write-file.ts';
import type { AnyTool } from '../../../../../src/agent/tools/tool.ts';
import { contextFor, scratch } from '../scratch.ts';

function call(tool: AnyTool, workspace: string, args: object) {
  const checked = validateArgs(tool, JSON.stringify(args));
  if (!checked.ok) throw new Error(checked.error);
  return tool.run(checked.args, contextFor(workspace));
}

function assess(tool: AnyTool, workspace: string, args: object) {
  const checked = validateArgs(tool, JSON.stringify(args));
  if (!checked.ok) throw new Error(checked.error);
  return tool.assess(checked.args, { workspace });
}

it.each([
  ['./infra/x', 'infra/x'],
  ['infra//./x', 'infra/x'],
  ['.', '.'],
])('E23 A22 tells rules that %s is %s, as does its absolute path', async (path, inside) => {
  const { workspace } = scratch();
  for (const tool of [listFiles, readFile]) {
    expect((await assess(tool, workspace, { path })).forms).toEqual({ path: [inside] });
    expect((await assess(tool, workspace, { path: join(workspace, path) })).forms).toEqual({
      path: [inside],
    });
  }
  if (inside === '.') return;
  const { forms } = await assess(writeFile, workspace, { path, content: 'x' });
  expect(forms).toEqual({ path: [inside] });
});

/** A workspace with every trap in it, and the secret they lead to. */
function trapped() {
  const { workspace, outside } = scratch();
  writeFileSync(join(outside, 'secret'), 'canary-91c2\n');
  writeFileSync(join(workspace, 'a.txt'), 'hello\n');
  mkdirSync(join(workspace, 'sub'));
  symlinkSync(join(outside, 'secret'), join(workspace, 'link'));
  symlinkSync(outside, join(workspace, 'folder'));
  symlinkSync('a.txt', join(workspace, 'inner'));
  symlinkSync(join(outside, 'new'), join(workspace, 'dangling'));
  linkSync(join(outside, 'secret'), join(workspace, 'hard'));
  execFileSync('mkfifo', [join(workspace, 'pipe')]);
  return { workspace, outside };
}

const escapes = [
  '../outside/secret',
  'sub/../../outside/secret',
  '/etc/passwd',
  '~/x',
  'link',
  'folder/secret',
  'hard',
  'pipe',
  'inner',
  'a\0b',
  'x'.repeat(5000),
];

describe('paths of the file tools', () => {
  it.each(escapes)('A22 A23 read_file refuses %j', async (path) => {
    const { workspace } = trapped();
    const result = await call(readFile, workspace, { path });
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.path_refused' } });
    expect(result.output).not.toContain('canary');
  });

  it.each([...escapes, 'dangling', '.', 'sub', '.git/config', 'sub/.GIT/hooks/x'])(
    'A21 A22 A23 write_file refuses %j',
    async (path) => {
      const { workspace, outside } = trapped();
      const result = await call(writeFile, workspace, { path, content: 'overwritten' });
      expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.path_refused' } });
      expect(readdirSync(outside)).toEqual(['secret']);
      expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('canary-91c2\n');
    },
  );

  it('A23 list_files and search_files name links but do not follow them', async () => {
    const { workspace } = trapped();
    const listed = await call(listFiles, workspace, { depth: 5 });
    expect(listed.output).toContain('folder (link, not followed)');
    expect(listed.output).not.toContain('folder/');
    const found = await call(searchFiles, workspace, { text: 'canary' });
    expect(found.output).toBe('No line holds "canary".');
    expect((await call(listFiles, workspace, { path: 'folder' })).ok).toBe(false);
    expect((await call(searchFiles, workspace, { path: 'folder', text: 'x' })).ok).toBe(false);
  });

  it('A23 holds while folders are swapped for links all the time', async () => {
    const { workspace, outside } = trapped();
    mkdirSync(join(outside, 'sub'));
    writeFileSync(join(outside, 'sub/f'), 'canary-91c2');
    writeFileSync(join(workspace, 'sub/f'), 'fine');
    const swap = 'while :; do mv sub s1; ln -s ../outside/sub sub; rm sub; mv s1 sub; done';
    const { spawn } = await import('node:child_process');
    const swapper = spawn('sh', ['-c', swap], { cwd: workspace, stdio: 'ignore' });
    try {
      for (let round = 0; round < 300; round++) {
        const { output } = await call(readFile, workspace, { path: 'sub/f' });
        expect(output).not.toContain('canary');
        await call(writeFile, workspace, { path: 'sub/g', content: 'x' });
      }
    } finally {
      swapper.kill('SIGKILL');
    }
    expect(readdirSync(join(outside, 'sub'))).toEqual(['f']);
  });

  it('A22 takes an absolute path into the workspace', async () => {
    const { workspace } = trapped();
    expect((await call(readFile, workspace, { path: join(workspace, 'a.txt') })).output).toBe('hello\n');
  });

  it('asks before reading what may hold secrets, and refuses what lies outside', async () => {
    const { workspace } = trapped();
    expect(await assess(readFile, workspace, { path: 'a.txt' })).toMatchObject({
      decision: 'allow',
      risk: 'low',
    });
    expect(await assess(readFile, workspace, { path: 'sub/.env' })).toMatchObject({ decision: 'ask' });
    expect(await assess(readFile, workspace, { path: '.env.example' })).toMatchObject({ decision: 'allow' });
    expect(await assess(readFile, workspace, { path: '../x' })).toMatchObject({
      decision: 'deny',
      risk: 'blocked',
    });
    expect(await assess(writeFile, workspace, { path: '../x', content: '' })).toMatchObject({
      decision: 'deny',
    });
    expect(await assess(writeFile, workspace, { path: '.git/hooks/x', content: '' })).toMatchObject({
      decision: 'deny',
    });
  });
});

describe('read_file', () => {
  it('returns some of the lines and says how to go on', async () => {
    const { workspace } = scratch();
    writeFileSync(join(workspace, 'f'), '1\n2\n3\n4\n');
    expect((await call(readFile, workspace, { path: 'f' })).output).toBe('1\n2\n3\n4\n');
    expect((await call(readFile, workspace, { path: 'f', offset: 2, limit: 2 })).output).toBe(
      '2\n3\n\n[lines 2 to 3 of 4; continue with offset 4]',
    );
    expect(await call(readFile, workspace, { path: 'f', offset: 9 })).toMatchObject({ ok: false });
  });

  it.each([
    ['binary files', Buffer.from([1, 0, 2]), 'binary'],
    ['text that is not UTF-8', Buffer.from([0x61, 0xff]), 'not UTF-8'],
    ['files that are too large', Buffer.alloc(17 * 1024 * 1024, 97), 'MiB'],
  ])('refuses %s in words', async (_name, content, word) => {
    const { workspace } = scratch();
    writeFileSync(join(workspace, 'f'), content);
    const result = await call(readFile, workspace, { path: 'f' });
    expect(result).toMatchObject({ ok: false, output: expect.stringContaining(word) });
  });

  it('says what is wrong with a name', async () => {
    const { workspace } = trapped();
    expect((await call(readFile, workspace, { path: 'nothing' })).output).toBe('"nothing" does not exist.');
    expect((await call(readFile, workspace, { path: 'sub' })).output).toBe('"sub" is a folder.');
    expect((await call(readFile, workspace, { path: 'link' })).output).toContain('links are not followed');
  });

  it('reads an empty file', async () => {
    const { workspace } = scratch();
    writeFileSync(join(workspace, 'f'), '');
    expect(await call(readFile, workspace, { path: 'f' })).toMatchObject({ ok: true, output: '' });
  });
});

describe('write_file', () => {
  it('creates folders, keeps the mode of what was there, and leaves nothing else behind', async () => {
    const { workspace } = scratch();
    const path = 'a/b/c.sh';
    expect(await call(writeFile, workspace, { path, content: '日本\n' })).toMatchObject({
      ok: true,
      metadata: { path, bytes: 7 },
    });
    expect(statSync(join(workspace, path)).mode & 0o777).toBe(0o644);
    chmodSync(join(workspace, path), 0o750);
    await call(writeFile, workspace, { path, content: 'new' });
    expect(readFileSync(join(workspace, path), 'utf8')).toBe('new');
    expect(statSync(join(workspace, path)).mode & 0o777).toBe(0o750);
    expect(readdirSync(join(workspace, 'a/b'))).toEqual(['c.sh']);
  });

  it('E27 asks, showing every changed line or all of the new content', async () => {
    const { workspace } = scratch();
    const fresh = await assess(writeFile, workspace, { path: 'f', content: 'a\nb\n' });
    expect(fresh).toMatchObject({
      decision: 'ask',
      risk: 'medium',
      display: { text: 'New content of f:\na\nb\n' },
    });
    writeFileSync(join(workspace, 'f'), 'a\nb\n');
    const changed = await assess(writeFile, workspace, { path: './f', content: 'a\nc\n' });
    expect(changed.display).toMatchObject({
      language: 'diff',
      text: '--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n',
    });
    expect(existsSync(join(workspace, 'f'))).toBe(true);
  });

  it('E42 has one key for the same content in the same place, however the path is written', async () => {
    const { workspace } = scratch();
    const keyOf = async (args: object) => (await assess(writeFile, workspace, args)).alwaysKey;
    const key = await keyOf({ path: 'f', content: 'a' });
    expect(await keyOf({ path: './f', content: 'a' })).toBe(key);
    expect(await keyOf({ path: 'f', content: 'b' })).not.toBe(key);
    expect(await keyOf({ path: 'g', content: 'a' })).not.toBe(key);
  });
});

describe('list_files and search_files', () => {
  it('list names in a fixed order, some levels deep', async () => {
    const { workspace } = scratch();
    mkdirSync(join(workspace, 'b/c/d'), { recursive: true });
    mkdirSync(join(workspace, 'node_modules/x'), { recursive: true });
    writeFileSync(join(workspace, 'a'), '');
    expect((await call(listFiles, workspace, {})).output).toBe('a\nb/\nb/c/\nnode_modules/ (not listed)');
    expect((await call(listFiles, workspace, { path: 'b/c', depth: 1 })).output).toBe('b/c/d/');
    expect((await call(listFiles, workspace, { path: 'b/c/d' })).output).toBe('[empty]');
    expect(await call(listFiles, workspace, { path: 'a' })).toMatchObject({ ok: false });
  });

  it('list no more than a thousand entries', async () => {
    const { workspace } = scratch();
    for (let index = 0; index < 1005; index++) writeFileSync(join(workspace, `f${index}`), '');
    const { output } = await call(listFiles, workspace, {});
    expect(output.split('\n')).toHaveLength(1001);
    expect(output).toContain('[more than 1000 entries; list a subfolder]');
  });

  it('find lines literally, with or without case, in files of one kind', async () => {
    const { workspace } = scratch();
    writeFileSync(join(workspace, 'a.ts'), 'one\nTwo (.*)\n');
    writeFileSync(join(workspace, 'b.md'), 'two (.*)\n');
    writeFileSync(join(workspace, '.env'), 'two (.*)\n');
    writeFileSync(join(workspace, 'c.bin'), Buffer.from('two (.*)\0'));
    const find = async (args: object) => (await call(searchFiles, workspace, args)).output.split('\n');
    const note = '[1 files that may hold secrets were not searched]';
    expect(await find({ text: 'two (.*)' })).toEqual(['b.md:1: two (.*)', note]);
    expect(await find({ text: 'TWO', ignore_case: true })).toEqual([
      'a.ts:2: Two (.*)',
      'b.md:1: two (.*)',
      note,
    ]);
    expect(await find({ text: 'T', files: '*.ts' })).toEqual(['a.ts:2: Two (.*)']);
    expect(await find({ text: 'o.*e', files: '*.ts' })).toEqual(['No line holds "o.*e".']);
  });

  it('stop at two hundred matches and shorten long lines', async () => {
    const { workspace } = scratch();
    writeFileSync(join(workspace, 'a'), `${'x'.repeat(1000)}needle${'y'.repeat(1000)}\n`.repeat(500));
    const { output } = await call(searchFiles, workspace, { text: 'needle' });
    const lines = output.split('\n');
    expect(lines).toHaveLength(201);
    expect(lines[0]).toMatch(/^a:1: …x+needley+…$/);
    expect(lines[0]?.length).toBeLessThan(320);
  });

  it('E74 stop when they are told to', async () => {
    const { workspace } = scratch();
    writeFileSync(join(workspace, 'a'), 'needle\n');
    const checked = validateArgs(searchFiles, '{"text":"needle"}');
    if (!checked.ok) throw new Error(checked.error);
    const result = await searchFiles.run(
      checked.args,
      contextFor(workspace, { signal: AbortSignal.abort() }),
    );
    expect(result.output).toBe('No line holds "needle".');
  });
});
