/** A22 and A23: names that lead elsewhere, links that are swapped in, and files that are not files. */
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listFiles } from '../../src/agent/tools/files/list-files.ts';
import { isGitInternal, PathRefused, pathSegments } from '../../src/agent/tools/files/location.ts';
import { readFile } from '../../src/agent/tools/files/read-file.ts';
import { searchFiles } from '../../src/agent/tools/files/search-files.ts';
import { writeFile } from '../../src/agent/tools/files/write-file.ts';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import { createShellTool } from '../../src/agent/tools/shell/tool.ts';
import type { AnyTool } from '../../src/agent/tools/tool.ts';
import { contextFor, noOwnFiles, scratch } from '../unit/agent/tools/scratch.ts';

const refused = { ok: false, metadata: { errorCode: 'tool.path_refused' } };

const run = (tool: AnyTool, workspace: string, args: object, files = {}) =>
  tool.run(tool.input.parse(args), contextFor(workspace, { files }));

/** A secret outside, and a workspace with one honest file. */
function place() {
  const { workspace, outside } = scratch();
  writeFileSync(join(outside, 'secret'), 'canary\n');
  writeFileSync(join(workspace, 'a.txt'), 'hello\n');
  return { workspace, outside };
}

const names = [
  '..',
  '../outside/secret',
  './../outside/secret',
  'x/../../outside/secret',
  'x/./../../outside/secret',
  '../workspace/../outside/secret',
  '/etc/passwd',
  '//etc/passwd',
  '/proc/self/environ',
  '/proc/self/cwd/../x',
  '/dev/stdin',
  '~/x',
  '~root/x',
  '..\0/x',
  'a.txt\0',
  'x'.repeat(4097),
];

describe('A22 names', () => {
  it.each(names)('A22 no tool of ours follows %j out', async (path) => {
    const { workspace, outside } = place();
    expect(await run(readFile, workspace, { path })).toMatchObject(refused);
    expect(await run(writeFile, workspace, { path, content: 'x' })).toMatchObject(refused);
    expect((await run(listFiles, workspace, { path })).ok).toBe(false);
    expect((await run(searchFiles, workspace, { path, text: 'canary' })).output).not.toContain('canary\n');
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('canary\n');
  });

  it.each([
    '%2e%2e/outside/secret',
    '..%2foutside',
    '..\\outside\\secret',
    '．．/outside/secret',
    '․․/x',
    '…/x',
  ])('A22 %j is an ordinary name, and there is no such file', async (path) => {
    const { workspace } = place();
    expect((await run(readFile, workspace, { path })).ok).toBe(false);
    await run(writeFile, workspace, { path, content: 'mine' });
    expect(readdirSync(join(workspace, '../outside'))).toEqual(['secret']);
  });

  it('A22 property: what is left of a name holds no way up, and stays below the workspace', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      'a',
      '/',
      '//',
      '~',
      'b.txt',
      '...',
      ' ',
      '\u202e',
      '/srv/w',
      '/srv/w2',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        try {
          const segments = pathSegments(parts.join('/'), '/srv/w');
          expect(segments.some((one) => one === '..' || one === '.' || one === '' || one.includes('/'))).toBe(
            false,
          );
        } catch (error) {
          expect(error).toBeInstanceOf(PathRefused);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    '.git',
    '.GIT',
    '.Git',
    '.g\u200cit',
    '.ｇｉｔ',
    '.git.',
    '.git ',
    'git~1',
    'GIT~1',
    '.\u2060git',
  ])('A21 A22 git knows its own folder also as %j on some file systems', async (name) => {
    expect(isGitInternal([name, 'config'])).toBe(true);
    const { workspace } = place();
    expect(await run(writeFile, workspace, { path: `${name}/hooks/pre-commit`, content: 'x' })).toMatchObject(
      refused,
    );
  });

  it.each(['a\u202etxt.exe', 'a\u200b.txt', 'a\n.txt', 'a\u001b[2J', 'a\t.txt'])(
    'A9 A22 a name that cannot be seen is not written: %j',
    async (path) => {
      const { workspace } = place();
      expect(await run(writeFile, workspace, { path, content: 'x' })).toMatchObject(refused);
      expect(readdirSync(workspace)).toEqual(['a.txt']);
    },
  );

  it('A22 names that differ in case or Unicode form are different files here, and stay so', async () => {
    const { workspace } = place();
    for (const path of ['A.TXT', 'caf\u00e9', 'cafe\u0301'])
      expect((await run(writeFile, workspace, { path, content: path })).ok).toBe(true);
    expect(readFileSync(join(workspace, 'a.txt'), 'utf8')).toBe('hello\n');
    expect(readdirSync(workspace)).toHaveLength(4);
  });
});

describe('A23 links and things that are not files', () => {
  const traps: [string, (at: string, outside: string) => void | Promise<void>][] = [
    ['a link to a file outside', (at, outside) => symlinkSync(join(outside, 'secret'), at)],
    ['a link to a file inside', (at) => symlinkSync('a.txt', at)],
    ['a link to nothing', (at, outside) => symlinkSync(join(outside, 'new'), at)],
    ['a link to itself', (at) => symlinkSync(at, at)],
    ['a hard link to a file outside', (at, outside) => linkSync(join(outside, 'secret'), at)],
    ['a pipe', (at) => void execFileSync('mkfifo', [at])],
    ['a folder', (at) => mkdirSync(at)],
    [
      'a socket',
      (at) =>
        new Promise((done) => {
          const server = createServer().listen(at, done);
          onTestFinished(() => void server.close());
        }),
    ],
  ];

  it.each(traps)('A23 %s is neither read nor written', async (_what, set) => {
    const { workspace, outside } = place();
    await set(join(workspace, 'trap'), outside);
    const before = statSync(join(outside, 'secret')).mtimeMs;
    expect(await run(readFile, workspace, { path: 'trap' })).toMatchObject(refused);
    expect(await run(writeFile, workspace, { path: 'trap', content: 'overwritten' })).toMatchObject(refused);
    expect(readdirSync(outside)).toEqual(['secret']);
    expect(statSync(join(outside, 'secret')).mtimeMs).toBe(before);
    expect(readFileSync(join(workspace, 'a.txt'), 'utf8')).toBe('hello\n');
  });

  it('A23 a device is neither read nor written', async () => {
    const { workspace } = place();
    try {
      execFileSync('mknod', [join(workspace, 'zero'), 'c', '1', '5'], { stdio: 'ignore' });
    } catch {
      // Only root may make one; there is none to open then.
      return;
    }
    expect(await run(readFile, workspace, { path: 'zero' })).toMatchObject(refused);
    expect(await run(writeFile, workspace, { path: 'zero', content: 'x' })).toMatchObject(refused);
  });

  it.each(['sub', 'sub/deep'])('A23 a folder that is a link is not entered: %s', async (path) => {
    const { workspace, outside } = place();
    mkdirSync(join(outside, 'deep'));
    symlinkSync(outside, join(workspace, 'sub'));
    expect(await run(readFile, workspace, { path: `${path}/secret` })).toMatchObject(refused);
    expect(await run(writeFile, workspace, { path: `${path}/new`, content: 'x' })).toMatchObject(refused);
    expect((await run(listFiles, workspace, { path })).ok).toBe(false);
    expect(readdirSync(outside).sort()).toEqual(['deep', 'secret']);
  });

  it('A23 an archive that unpacks links plants nothing that the tools follow', async () => {
    const { workspace, outside } = place();
    const source = scratch().workspace;
    symlinkSync(outside, join(source, 'dir'));
    execFileSync('tar', ['-cf', join(workspace, 'x.tar'), '-C', source, 'dir']);
    execFileSync('tar', ['-xf', 'x.tar'], { cwd: workspace });
    expect(await run(writeFile, workspace, { path: 'dir/planted', content: 'x' })).toMatchObject(refused);
    expect(readdirSync(outside)).toEqual(['secret']);
  });

  it('A23 the shell asks before it follows a link out, wherever on the way the link is', async () => {
    const { workspace, outside } = place();
    symlinkSync(join(outside, 'secret'), join(workspace, 'link'));
    symlinkSync(outside, join(workspace, 'dir'));
    mkdirSync(join(workspace, 'sub'));
    symlinkSync('../link', join(workspace, 'sub/again'));
    const shell = createShellTool({
      ownFiles: noOwnFiles,
      sandbox: await openSandbox({ mode: 'off', hide: [] }),
      network: false,
      timeoutMs: 10_000,
      maxOutputBytes: 2 ** 30,
    });
    for (const command of [
      'cat link',
      'cat dir/secret',
      'cat sub/again',
      'head -n1 link',
      'cat l*',
      'cd dir && cat secret',
      'cat < link',
      'ls dir',
      'find dir',
      'grep -r canary dir',
      'wc sub/*',
    ])
      expect({ command, ...(await shell.assess({ command }, { workspace })) }).toMatchObject({
        command,
        decision: 'ask',
      });
    expect((await shell.assess({ command: 'cat a.txt' }, { workspace })).decision).toBe('allow');
  });
});

describe('A6 what the change was shown against', () => {
  it.each([
    ['was edited', 'hello\n', 'edited\n'],
    ['was made meanwhile', null, 'made\n'],
  ])('A6 a file that %s is not replaced unseen', async (_what, before, after) => {
    const { workspace } = place();
    const file = join(workspace, 'b.txt');
    if (before !== null) writeFileSync(file, before);
    const args = { path: 'b.txt', content: 'new\n' };
    const { files } = await writeFile.assess(args, { workspace });
    writeFileSync(file, after);
    expect((await writeFile.assess(args, { workspace })).files).not.toEqual(files);
    expect(await run(writeFile, workspace, args, files)).toMatchObject(refused);
    expect(readFileSync(file, 'utf8')).toBe(after);
  });

  it('A8 a large change is all on the card, none of it cut', async () => {
    const { workspace } = place();
    const lines = Array.from({ length: 4_000 }, (_, index) => `line ${index}\n`);
    writeFileSync(join(workspace, 'big.txt'), lines.join(''));
    const content = lines.map((text, index) => (index % 2 === 0 ? text : `changed ${text}`)).join('');
    const { display } = await writeFile.assess({ path: 'big.txt', content }, { workspace });
    for (const index of [1, 1_999, 3_999]) expect(display.text).toContain(`+changed line ${index}\n`);
    expect(display.text.match(/^\+/gm)?.length).toBeGreaterThanOrEqual(2_000);
  });
});
