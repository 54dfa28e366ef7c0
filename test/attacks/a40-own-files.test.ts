/** A40: the agent's tools against the gateway's own secrets, in the worst place: a workspace that holds all of them. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMcpTools } from '../../src/agent/tools/mcp/tools.ts';
import { createOwnFiles } from '../../src/agent/tools/own-files.ts';
import { createTools, type Tools } from '../../src/agent/tools/registry.ts';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import { contextFor, scratch } from '../unit/agent/tools/scratch.ts';

async function home(mode: 'auto' | 'off') {
  const { workspace } = scratch();
  for (const folder of ['config', 'data', 'data/workspace', 'src']) mkdirSync(join(workspace, folder));
  writeFileSync(join(workspace, 'config/parley.yaml'), 'token: canary-config\n');
  writeFileSync(join(workspace, 'production.env'), 'TOKEN=canary-env\n');
  writeFileSync(join(workspace, 'data/parley.db'), 'canary-db\n');
  writeFileSync(join(workspace, 'src/a.ts'), 'export {};\n');
  symlinkSync('config/parley.yaml', join(workspace, 'link.yaml'));
  const hide = ['config/parley.yaml', 'production.env', 'data', 'not-there-yet'].map((name) =>
    join(workspace, name),
  );
  const tools = createTools({
    config: {
      shell: { enabled: true, sandbox: mode, timeoutMs: 10_000, maxOutputBytes: 65_536, network: false },
      files: { enabled: true },
      http: { enabled: true, allow: [] },
      memory: { enabled: false, keeps: false },
    },
    sandbox: await openSandbox({ mode, hide }),
    mcp: createMcpTools([], true),
    hide,
  });
  return { workspace, tools };
}

function call(tools: Tools, workspace: string, name: string, given: object) {
  const tool = tools.get(name);
  if (tool === undefined) throw new Error(name);
  const args = tool.input.parse(given);
  return {
    assess: () => tool.assess(args, { workspace }),
    run: () => tool.run(args, contextFor(workspace)),
  };
}

describe.each(['auto', 'off'] as const)('A40 with the sandbox %s', (mode) => {
  it.each([
    ['read_file', { path: 'config/parley.yaml' }],
    ['read_file', { path: './config//parley.yaml' }],
    ['read_file', { path: 'production.env' }],
    ['read_file', { path: 'data/parley.db' }],
    ['write_file', { path: 'config/parley.yaml', content: 'access: { approvers: ["web:mallory"] }' }],
    ['write_file', { path: 'data/parley.db', content: 'x' }],
    ['write_file', { path: 'data/new', content: 'x' }],
    ['write_file', { path: 'not-there-yet', content: 'x' }],
    ['list_files', { path: 'data' }],
    ['search_files', { path: '.', text: 'canary' }],
    ['search_files', { path: 'config', text: 'canary' }],
    ['search_files', { path: 'data', text: 'canary' }],
  ])('A40 %s %j is refused', async (name, args) => {
    const { workspace, tools } = await home(mode);
    const { assess, run } = call(tools, workspace, name, args);
    expect(await assess()).toMatchObject({ decision: 'deny', risk: 'blocked', alwaysKey: null });
    const result = await run();
    expect(result.ok).toBe(false);
    expect(result.output).not.toContain('canary-');
  });

  it.each([
    'cat config/parley.yaml',
    'cat ./config/../config/parley.yaml',
    'cat production.env',
    'cat *.env',
    'cat config/*',
    'cat link.yaml',
    'grep -r canary .',
    'grep -r canary config',
    'rg canary',
    'head data/parley.db',
    'cd config && cat parley.yaml',
    'strings data/parley.db',
    'cat < production.env',
    'sort production.env src/a.ts',
    'wc -l config/parley.yaml',
  ])('A40 the shell does not read unasked: %s', async (command) => {
    const { workspace, tools } = await home(mode);
    const { assess, run } = call(tools, workspace, 'shell', { command });
    const assessment = await assess();
    expect(assessment.decision).toBe('ask');
    if (!assessment.sandbox?.([]).startsWith('bubblewrap')) return;
    expect((await run()).output).not.toContain('canary-');
  });

  it.each([
    'sh production.env',
    'cd config && . ./parley.yaml',
    'bash link.yaml',
    'cat production.env | sh',
    'python3 < data/parley.db',
    `bash -c 'source production.env'`,
  ])('A40 the shell never runs, as text that would show in what it prints: %s', async (command) => {
    const { workspace, tools } = await home(mode);
    const { assess, run } = call(tools, workspace, 'shell', { command });
    expect(await assess()).toMatchObject({ decision: 'deny', risk: 'blocked', alwaysKey: null });
    expect((await run()).output).not.toContain('canary-');
  });

  it('A40 the rest of the workspace is as open as ever', async () => {
    const { workspace, tools } = await home(mode);
    expect((await call(tools, workspace, 'read_file', { path: 'src/a.ts' }).run()).ok).toBe(true);
    expect((await call(tools, workspace, 'search_files', { path: 'src', text: 'export' }).run()).ok).toBe(
      true,
    );
    expect((await call(tools, workspace, 'shell', { command: 'cat src/a.ts' }).assess()).decision).toBe(
      'allow',
    );
    expect((await call(tools, workspace, 'list_files', { path: '.' }).run()).output).toContain('src');
  });
});

it('A40 a workspace inside the hidden folder is a workspace like any other', () => {
  const own = createOwnFiles(['/srv/parley/data', '/srv/parley/.env']);
  expect(own.isOwn('/srv/parley/data/workspace/a', '/srv/parley/data/workspace')).toBe(false);
  expect(own.isOwn('/srv/parley/.env', '/srv/parley')).toBe(true);
  expect(own.isOwn('/srv/parley/.environment', '/srv/parley')).toBe(false);
  expect(own.holdsOwn('/srv/parley', '/srv/parley')).toBe(true);
  expect(own.holdsOwn('/srv/parley/src', '/srv/parley')).toBe(false);
});
