import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import type { OutputStreams } from '../../../../../src/agent/tools/output.ts';
import { type ProcessRequest, runProcess } from '../../../../../src/agent/tools/shell/run.ts';
import { systemClock } from '../../../../../src/domain/runtime.ts';

const runWith = (output: OutputStreams, script: string, change: Partial<ProcessRequest> = {}) =>
  runProcess({
    run: { argv: ['/bin/sh', '-c', script], descriptors: [] },
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    timeoutMs: 20_000,
    signal: new AbortController().signal,
    clock: systemClock,
    maxBytes: 2 ** 30,
    output,
    ...change,
  });

/** With all that it said, of both streams. */
async function run(script: string, change: Partial<ProcessRequest> = {}) {
  let output = '';
  const add = (chunk: Buffer): null => {
    output += chunk;
    return null;
  };
  const result = await runWith({ isRefused: false, stream: () => ({ add }) }, script, change);
  return { ...result, output };
}

/** Gone, or dead and only waiting to be collected. */
function isGone(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

describe('runProcess', () => {
  it('reports output of both streams, exit code and duration', async () => {
    const result = await run('echo out; echo err >&2; exit 3');
    expect(result).toMatchObject({ exitCode: 3, signal: null, ended: 'exited', bytes: 8 });
    expect(result.output.split('\n').sort()).toEqual(['', 'err', 'out']);
  });

  it('E25 F27 ends the whole process group at the timeout, also what ignores SIGTERM', async () => {
    const result = await run(`trap '' TERM; sleep 300 & echo $! $$; while :; do sleep 300; done`, {
      timeoutMs: 300,
    });
    expect(result.ended).toBe('timeout');
    expect(result.signal).toBe('SIGKILL');
    const pids = result.output.trim().split(' ').map(Number);
    expect(pids).toHaveLength(2);
    for (const pid of pids) await vi.waitFor(() => expect(isGone(pid)).toBe(true));
  });

  it('E74 ends the whole process group when it is stopped', async () => {
    const stop = new AbortController();
    const running = run('sleep 300 & echo $! $$; sleep 300', { signal: stop.signal });
    setImmediate(() => stop.abort());
    const result = await running;
    expect(result.ended).toBe('aborted');
    for (const pid of result.output.trim().split(' ').filter(Boolean).map(Number)) {
      await vi.waitFor(() => expect(isGone(pid)).toBe(true));
    }
  });

  it('does not run for long when it was stopped before', async () => {
    const result = await run('sleep 300', { signal: AbortSignal.abort() });
    expect(result.ended).toBe('aborted');
  });

  it('leaves nothing running that the command put into the background, and does not wait for it', async () => {
    const result = await run('sleep 300 & echo $!');
    expect(result).toMatchObject({ exitCode: 0, ended: 'exited' });
    await vi.waitFor(() => expect(isGone(Number(result.output))).toBe(true));
  });

  it('has an empty standard input', async () => {
    expect((await run('cat; echo done')).output).toBe('done\n');
  });

  it('says what is wrong when the program does not exist or an argument is impossible', async () => {
    expect(await run('', { run: { argv: ['/nowhere/x'], descriptors: [] } })).toMatchObject({
      ended: 'not-started',
      exitCode: null,
    });
    expect(await run('', { run: { argv: ['/bin/echo', 'a\0b'], descriptors: [] } })).toMatchObject({
      ended: 'not-started',
    });
  });

  it('F29 the program waits while there is no room, and loses nothing', async () => {
    let [held, most] = ['', 0];
    let free = Promise.withResolvers<void>();
    const output: OutputStreams = {
      isRefused: false,
      stream: () => ({
        add(chunk) {
          held += chunk;
          most = Math.max(most, chunk.length);
          setImmediate(() => {
            free.resolve();
            free = Promise.withResolvers();
          });
          return free.promise;
        },
      }),
    };
    const result = await runWith(output, 'seq 1 300000');
    expect(result).toMatchObject({ exitCode: 0, ended: 'exited', bytes: held.length });
    expect(held.endsWith('\n299999\n300000\n')).toBe(true);
    expect(most).toBeLessThan(200_000);
  });

  it('F29 what a command leaves in the pipe when it ends is read, however long the store takes', async () => {
    const free = Promise.withResolvers<void>();
    let held = '';
    const output: OutputStreams = {
      isRefused: false,
      stream: () => ({
        add(chunk) {
          held += chunk;
          return held.length === chunk.length ? free.promise : null;
        },
      }),
    };
    // Longer than it may take to drain when nothing is in the way.
    const running = runWith(output, 'echo first; sleep 0.1; echo last');
    setTimeout(free.resolve, 700);
    expect(await running).toMatchObject({ ended: 'exited', bytes: 11 });
    expect(held).toBe('first\nlast\n');
  });

  it('F29 ends what says too much, with its group, and passes on what fits', async () => {
    const { ended, bytes, output } = await run('echo $$; (yes; sleep 300) & yes', { maxBytes: 5_000_000 });
    expect([ended, bytes, output.length]).toEqual(['too-much', 5_000_000, 5_000_000]);
    await vi.waitFor(() => expect(isGone(Number(output.split('\n')[0]))).toBe(true));
  });

  it('F30 ends a command whose output nobody can take any more', async () => {
    const refused: OutputStreams = { isRefused: true, stream: () => ({ add: () => null }) };
    expect(await runWith(refused, 'yes')).toMatchObject({ ended: 'not-stored' });
  });
});
