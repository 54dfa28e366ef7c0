/** A workspace of its own for each test, and what a tool is given besides its arguments. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Execution, executeTool } from '../../../../src/agent/tools/execute.ts';
import { createOutput } from '../../../../src/agent/tools/output.ts';
import { createOwnFiles } from '../../../../src/agent/tools/own-files.ts';
import { openSandbox } from '../../../../src/agent/tools/sandbox.ts';
import { createShellTool } from '../../../../src/agent/tools/shell/tool.ts';
import type { AnyTool, ToolContext } from '../../../../src/agent/tools/tool.ts';
import { type Logger, systemClock } from '../../../../src/domain/runtime.ts';
import { createRedact } from '../../../../src/runtime/redact.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** Canonical path of a new folder, removed after the test. `outside` is a second one beside it. */
export function scratch(): { workspace: string; outside: string } {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'parley-tools-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const [workspace, outside] = [join(root, 'workspace'), join(root, 'outside')];
  mkdirSync(workspace);
  mkdirSync(outside);
  return { workspace, outside };
}

export const noOwnFiles = createOwnFiles([]);

export const unredacted = createRedact(() => []);

export const contextFor = (workspace: string, change: Partial<ToolContext> = {}): ToolContext => ({
  workspace,
  signal: new AbortController().signal,
  log: silent,
  clock: systemClock,
  files: {},
  network: [],
  output: createOutput({ keep: 1_000_000, redact: unredacted, store: async () => undefined }),
  readOutput: async () => undefined,
  memory: {
    remember: async () => ({ refusal: 'nothing is kept here' }),
    recall: async () => [],
    searchHistory: async () => [],
  },
  skills: { load: async () => ({ problem: 'there are no skills here' }) },
  ...change,
});

/** Runs it as a turn does, with room for all that it says. */
export const execute = (tool: AnyTool, args: unknown, context: ToolContext, more: Partial<Execution> = {}) =>
  executeTool({
    tool,
    args,
    context,
    reference: 't/1',
    promptBytes: 1_000_000,
    redact: unredacted,
    storeOutput: async () => undefined,
    ...more,
  });

/** A few files under git, as a project would have them. */
export function fillProject(workspace: string): void {
  for (const folder of ['src', 'docs']) mkdirSync(join(workspace, folder));
  writeFileSync(join(workspace, 'README.md'), 'hello: world\nsecond line\nthird line\n');
  writeFileSync(join(workspace, 'src/a.ts'), 'export const hello = 1;\n');
  writeFileSync(join(workspace, 'docs/x.md'), '# docs\n');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
      cwd: workspace,
      stdio: 'ignore',
      env: { PATH: process.env.PATH, HOME: workspace, GIT_CONFIG_NOSYSTEM: '1' },
    });
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-q', '-m', 'first');
}

/** Without a sandbox. */
export const openShell = async () =>
  createShellTool({
    ownFiles: noOwnFiles,
    sandbox: await openSandbox({ mode: 'off', hide: [] }),
    network: false,
    timeoutMs: 20_000,
    maxOutputBytes: 2 ** 30,
  });
