/** F27, F28: commands that hang or crash, in the sandbox and in the open. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { launch } from '../../src/agent/tools/launch.ts';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import { createShellTool } from '../../src/agent/tools/shell/tool.ts';
import { processesWith } from '../e2e/support/scenario.ts';
import { contextFor, execute, noOwnFiles, scratch } from '../unit/agent/tools/scratch.ts';

const sandboxes = {
  confined: await openSandbox({ mode: 'auto', hide: [] }),
  open: await openSandbox({ mode: 'off', hide: [] }),
};

function laboratory(where: keyof typeof sandboxes, timeoutMs = 20_000) {
  const { workspace } = scratch();
  const sandbox = sandboxes[where];
  const tool = createShellTool({
    ownFiles: noOwnFiles,
    sandbox,
    network: false,
    timeoutMs,
    maxOutputBytes: 2 ** 30,
  });
  return {
    workspace,
    run: (command: string, signal?: AbortSignal) =>
      execute(tool, { command }, contextFor(workspace, signal === undefined ? {} : { signal })),
  };
}

/** Processes that work in the folder: every one of a command does, unless it went elsewhere. */
function alive(workspace: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const isDead = /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      return /^\d+$/.test(pid) && !isDead && readlinkSync(`/proc/${pid}/cwd`) === workspace;
    } catch {
      // Gone meanwhile, or not a process.
      return false;
    }
  });
}

const gone = (workspace: string) =>
  vi.waitFor(() => expect(alive(workspace)).toEqual([]), { timeout: 5_000, interval: 100 });

describe.each(['confined', 'open'] as const)('F27 a command that hangs, %s', (where) => {
  it.each([
    ['sleeps', 'sleep 600'],
    ['ignores being asked', `trap '' TERM INT HUP; while :; do sleep 600; done`],
    ['stops itself', 'kill -STOP $$; sleep 600'],
    ['stops its whole group', 'kill -STOP 0; sleep 600'],
    ['spins', 'while :; do :; done'],
    ['waits for a pipe', 'mkfifo p; cat p'],
    ['waits for its children', '(trap "" TERM; sleep 600) & (sleep 600) & wait'],
    ['leaves children behind that hold its output', 'sleep 600 & sleep 601 & disown -a; sleep 602'],
    ['starts many', 'for i in 1 2 3 4 5 6 7 8; do (sleep 0.1; sleep 600) & done; wait'],
    ['writes without end', 'yes'],
  ])('F27 %s: ended at the timeout with all of its children', async (_how, command) => {
    const { workspace, run } = laboratory(where, 700);
    const result = await run(command);
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.timeout' } });
    expect(result.output).toContain('it took too long');
    await gone(workspace);
  });

  it.each(['sleep 600', `trap '' TERM; sleep 600`, 'yes', 'sleep 600 & wait'])(
    'F27 E74 a stop ends it: %s',
    async (command) => {
      const { workspace, run } = laboratory(where);
      const stop = new AbortController();
      const running = run(`touch started; ${command}`, stop.signal);
      await vi.waitFor(() => expect(alive(workspace).length).toBeGreaterThan(0), { timeout: 5_000 });
      stop.abort();
      expect(await running).toMatchObject({ ok: false, metadata: { errorCode: 'tool.cancelled' } });
      await gone(workspace);
    },
  );

  it('F27 E74 a stop at any moment of its start leaves nothing of it', async () => {
    const { run } = laboratory(where);
    // Every process of it has this among its arguments, those that set up the sandbox too.
    const seconds = `600.${process.pid}${Number(where === 'open')}`;
    const attempts = Array.from({ length: 60 }, async (_, index) => {
      const stop = new AbortController();
      const running = run(`sleep ${seconds}; true`, stop.signal);
      await sleep(index);
      stop.abort();
      return running;
    });
    for (const result of await Promise.all(attempts)) expect(result.ok).toBe(false);
    await vi.waitFor(() => expect(processesWith(seconds)).toEqual([]), { timeout: 5_000, interval: 100 });
  });

  it('F27 what it leaves in the background does not outlive it, nor delay its answer', async () => {
    const { workspace, run } = laboratory(where);
    const result = await run('sleep 600 & echo done');
    expect(result).toMatchObject({ ok: true, output: 'done\n' });
    await gone(workspace);
  });
});

describe.each(['confined', 'open'] as const)('F27 the gateway is killed, %s', (where) => {
  // Stands for the gateway, and lives on: nothing but the end of the listener tells of its death.
  async function start(workspace: string, command: string, gate?: string) {
    const wrapped = await sandboxes[where].wrap(['/bin/sh', '-c', command], { workspace, network: false });
    const held = ['/bin/sh', '-c', 'until [ -e "$0" ]; do sleep 0.02; done; exec "$@"', gate ?? ''];
    const run = gate === undefined ? wrapped : { ...wrapped, argv: [...held, ...wrapped.argv] };
    const child = launch(run, workspace, { PATH: process.env.PATH ?? '' }, 'ignore');
    return { child, die: () => (child.stdio[3] as Socket).destroy() };
  }

  it('F27 F5 what is started after that does not run', async () => {
    const { workspace, outside } = scratch();
    const gate = join(outside, 'dead');
    const [first, second] = [
      await start(workspace, 'touch ran-1', gate),
      await start(workspace, 'touch ran-2', gate),
    ];
    second.die();
    writeFileSync(gate, '');
    await Promise.all([first, second].map(({ child }) => once(child, 'exit')));
    expect(readdirSync(workspace)).toEqual(['ran-1']);
  });

  it('F27 F5 what had been started ends, with its children', async () => {
    const { workspace } = scratch();
    const { child, die } = await start(workspace, 'trap "" TERM HUP; (sleep 600) & touch started; sleep 600');
    const ended = once(child, 'exit');
    await vi.waitFor(() => expect(readdirSync(workspace)).toEqual(['started']), { timeout: 10_000 });
    die();
    await ended;
    await gone(workspace);
  });

  it('F27 F5 at any moment: nothing of many that were being started is left', async () => {
    const { workspace } = scratch();
    const seconds = `600.${process.pid}2${Number(where === 'open')}`;
    const source = (name: string) => JSON.stringify(join(import.meta.dirname, '../../src/agent/tools', name));
    // Killed by itself, when some have only been forked and others run already.
    const script = `
      const { openSandbox } = await import(${source('sandbox.ts')});
      const { launch } = await import(${source('launch.ts')});
      const sandbox = await openSandbox({ mode: '${where === 'open' ? 'off' : 'auto'}', hide: [] });
      const place = { workspace: ${JSON.stringify(workspace)}, network: false };
      for (let i = 0; i < 40; i++) {
        launch(await sandbox.wrap(['sleep', '${seconds}'], place), '/', { PATH: process.env.PATH }, 'ignore');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    await vi.waitFor(() => expect(processesWith(seconds)).toEqual([]), { timeout: 10_000, interval: 100 });
  });
});

describe.each(['confined', 'open'] as const)('F28 a command that crashes, %s', (where) => {
  it.each([
    ['a segmentation fault', 'echo before; kill -SEGV $$', /before/],
    ['an abort', `echo before; kill -ABRT $$`, /before/],
    ['being killed', `echo before; kill -KILL $$`, /before/],
    ['an exit code', 'echo before; echo why >&2; exit 42', /why/],
    ['a program that is not there', 'no-such-program-at-all', /not found|no such program/],
    ['a program that may not be run', './plain', /denied/],
    ['a script for nobody', './odd', /./],
    ['a syntax error', 'if then', /syntax error/],
    ['too long an argument list', 'cat $(seq 1 400000)', /too long/],
  ])('F28 by %s is a result with its code and its last words', async (_how, command, said) => {
    const { workspace, run } = laboratory(where);
    writeFileSync(join(workspace, 'plain'), 'x', { mode: 0o644 });
    writeFileSync(join(workspace, 'odd'), '#!/nowhere/at/all\n', { mode: 0o755 });
    // Scripts have to be agreed to; these are here to fail on their own.
    const tool = createShellTool({
      ownFiles: noOwnFiles,
      sandbox: sandboxes[where],
      network: false,
      timeoutMs: 20_000,
      maxOutputBytes: 2 ** 30,
    });
    const { files = {} } = await tool.assess({ command }, { workspace });
    const result = await execute(tool, { command }, contextFor(workspace, { files }));
    expect(result.ok).toBe(false);
    expect(result.output.toLowerCase()).toMatch(said);
    expect(result.output).toMatch(/\[(exit code \d+|ended by SIG\w+)\]|could not be started/);
    expect((await run('echo alive')).output).toBe('alive\n');
  });
});
