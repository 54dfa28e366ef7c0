import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { createCapture } from '../../../../../src/agent/tools/shell/capture.ts';
import { type ProcessRequest, runProcess } from '../../../../../src/agent/tools/shell/run.ts';
import { systemClock } from '../../../../../src/domain/runtime.ts';

const run = (script: string, change: Partial<ProcessRequest> = {}) =>
  runProcess({
    run: { argv: ['/bin/sh', '-c', script], descriptors: [] },
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    timeoutMs: 20_000,
    signal: new AbortController().signal,
    clock: systemClock,
    keepBytes: 1_000_000,
    ...change,
  });

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
    expect(result).toMatchObject({ exitCode: 3, signal: null, ended: 'exited', leftOutBytes: 0 });
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

  it('F29 keeps as much of each stream as there is room for, whatever the other one says', async () => {
    const noise = 'head -c 5000000 /dev/zero | tr "\\0"';
    const result = await run(
      `echo first; ${noise} o; echo last; echo broken >&2; ${noise} e >&2; echo bad >&2`,
      {
        keepBytes: 100_000,
      },
    );
    const { stdout, stderr, output, bytes, leftOutBytes } = result;
    expect([stdout.slice(0, 6), stdout.slice(-5)]).toEqual(['first\n', 'last\n']);
    expect([stderr.slice(0, 7), stderr.slice(-4)]).toEqual(['broken\n', 'bad\n']);
    for (const text of [stdout, stderr]) {
      expect(text).not.toMatch(text === stdout ? /ee/ : /oo/);
      expect(text.length).toBeGreaterThan(99_000);
      expect(text.length).toBeLessThan(100_100);
    }
    expect(output).toBe(`${stdout}\n[error output]\n${stderr}`);
    expect([bytes, leftOutBytes]).toEqual([10_000_022, 10_000_022 - 200_000]);
  });

  it('E14 gives both back in full where each has room, also when they have not together', async () => {
    const result = await run(
      'head -c 80000 /dev/zero | tr "\\0" o; head -c 80000 /dev/zero | tr "\\0" e >&2',
      {
        keepBytes: 100_000,
      },
    );
    expect(result).toMatchObject({ bytes: 160_000, leftOutBytes: 0, stdout: 'o'.repeat(80_000) });
    expect(result.output).toBe(`${'o'.repeat(80_000)}\n[error output]\n${'e'.repeat(80_000)}`);
  });

  it('F29 keeps head and tail of 200 MB in flat memory (of 1 GB: test/attacks)', async () => {
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 20);
    const before = process.memoryUsage.rss();
    const result = await run('echo first; head -c 200000000 /dev/zero | tr "\\0" x; echo last', {
      keepBytes: 1_000_000,
    });
    clearInterval(timer);
    expect(result.bytes).toBe(200_000_000 + 11);
    expect(result.output.length).toBeLessThan(1_000_100);
    expect(result.output.startsWith('first\nxxx')).toBe(true);
    expect(result.output.endsWith('xxxlast\n')).toBe(true);
    expect(most - before).toBeLessThan(150_000_000);
  });
});

describe('createCapture', () => {
  it('F29 keeps exactly the first and last bytes, whatever pieces they come in', () => {
    const source = Buffer.from(Array.from({ length: 1000 }, (_, index) => 97 + (index % 26)));
    for (const size of [1, 3, 7, 50, 99, 100, 101, 999]) {
      const capture = createCapture(100);
      for (let at = 0; at < source.length; at += size) capture.add(source.subarray(at, at + size));
      const { text, bytes, leftOutBytes } = capture.result();
      expect({ bytes, leftOutBytes }).toEqual({ bytes: 1000, leftOutBytes: 900 });
      expect(text).toBe(`${source.subarray(0, 50)}\n[… 900 bytes were not kept]\n${source.subarray(950)}`);
    }
  });

  it('E13 gives back everything that fits, byte for byte', () => {
    const text = '日本語 🎉 '.repeat(5);
    const capture = createCapture(Buffer.byteLength(text));
    for (const byte of Buffer.from(text)) capture.add(Buffer.from([byte]));
    expect(capture.result()).toEqual({ text, bytes: Buffer.byteLength(text), leftOutBytes: 0 });
  });

  it('E13 cuts between characters, never inside one', () => {
    for (const letter of ['é', '日', '🎉']) {
      for (let room = 20; room < 30; room++) {
        const capture = createCapture(room);
        capture.add(Buffer.from(letter.repeat(40)));
        const { text, bytes, leftOutBytes } = capture.result();
        expect(text).not.toContain('\ufffd');
        const kept = Buffer.byteLength(text.replace(/\n\[.*\]\n/, ''));
        expect(kept + leftOutBytes).toBe(bytes);
      }
    }
  });
});
