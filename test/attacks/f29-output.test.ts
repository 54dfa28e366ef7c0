/** F29: commands that never stop talking: all that they say is stored, in flat memory, and read again by reference. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOutput } from '../../src/agent/tools/read-output.ts';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import { createShellTool } from '../../src/agent/tools/shell/tool.ts';
import { AppError } from '../../src/domain/errors.ts';
import { createRedact } from '../../src/runtime/redact.ts';
import { openStore } from '../../src/store/open.ts';
import type { ClaimedTurn, Store } from '../../src/store/store.ts';
import { acceptedTurn, claimOne, silent } from '../contract/store/support.ts';
import { contextFor, execute, noOwnFiles, scratch } from '../unit/agent/tools/scratch.ts';

const MiB = 2 ** 20;
const PROMPT = 65_536;
const SECRET = 'correct-horse-battery-staple';

describe('F29 output without end', () => {
  let folder: string;
  let store: Store;
  let held: ClaimedTurn;
  let index = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'parley-output-'));
    store = await openStore({ url: `sqlite:${join(folder, 'parley.db')}`, log: silent });
    await acceptedTurn(store, 'm1');
    held = await claimOne(store);
  });
  afterAll(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const storeAs = (action: number) => (part: { start: number; text: string }) =>
    store.outputs.keep({ ...part, index: action, turnId: held.turn.id, fence: held.turn.fence });

  /** As a turn runs it, and stores what is left when it has ended. */
  async function run(
    command: string,
    maxOutputBytes = 2 ** 30,
    storeOutput?: ReturnType<typeof storeAs>,
    signal?: AbortSignal,
  ) {
    index += 1;
    const { workspace } = scratch();
    const tool = createShellTool({
      ownFiles: noOwnFiles,
      sandbox: await openSandbox({ mode: 'auto', hide: [] }),
      network: false,
      timeoutMs: 120_000,
      maxOutputBytes,
    });
    const context = contextFor(workspace, signal === undefined ? {} : { signal });
    const done = await execute(tool, { command }, context, {
      promptBytes: PROMPT,
      redact: createRedact(() => [SECRET]),
      storeOutput: storeOutput ?? storeAs(index),
    });
    if (done.rest !== null) await storeAs(index)(done.rest);
    return done;
  }

  async function read(offset: number, limit: number): Promise<string> {
    const context = contextFor('/', {
      readOutput: (_reference, range) => store.outputs.read(held.turn.id, index, range),
    });
    return (await readOutput.run({ reference: 't/1', offset, limit }, context)).output;
  }

  it.each([
    ['one line of 1 GB', 'head -c 1000000000 /dev/zero | tr "\\0" x', 1_000_000_000],
    ['many lines', 'yes "a line of some length" | head -c 60000000', 60_000_000],
    ['the error stream', 'head -c 60000000 /dev/zero | tr "\\0" e', 60_000_000],
    ['bytes that are no text', 'head -c 60000000 /dev/urandom', 60_000_000],
  ])(
    'F29 E14 %s: stored in full, in flat memory',
    async (where, command, bytes) => {
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, process.memoryUsage.rss());
      }, 20);
      const before = process.memoryUsage.rss();
      const to = where === 'the error stream' ? ' >&2' : '';
      const { ok, output, metadata, isKept } = await run(
        `(printf 'the first '; ${command}; printf ' the last')${to}`,
      );
      clearInterval(watch);
      expect({ ok, isKept, bytes: metadata.bytes }).toEqual({ ok: true, isKept: true, bytes: bytes + 19 });
      expect(Buffer.byteLength(output)).toBeLessThanOrEqual(PROMPT);
      expect(output).toMatch(/^the first [\s\S]*\[… \d+ characters left out; full output: read_output/);
      expect(output.isWellFormed()).toBe(true);
      expect(most - before).toBeLessThan(256 * MiB);
      expect(await read(0, 10)).toMatch(/^the first \n\[continue with offset 10 of \d+\]$/);
      const total = Number(/ of (\d+)/.exec(await read(0, 1))?.[1]);
      expect((await read(Math.floor(total / 2), 1_000)).length).toBeGreaterThan(1_000);
      const end = await read(total - 100, 1_000);
      expect(end.length).toBe(100);
      expect(end).toContain('the last');
    },
    120_000,
  );

  it('F29 E14 both streams at once: all of both is stored, and the prompt has the ends of each', async () => {
    const noise = 'head -c 30000000 /dev/zero | tr "\\0"';
    const { output, metadata } = await run(
      `(echo E1; ${noise} e; echo E2) >&2 & echo O1; ${noise} o; echo O2; wait`,
    );
    expect(metadata.bytes).toBe(60_000_012);
    expect(output).toMatch(/^O1\no+\n\[…[^\]]+\]\no+O2\n\n\[error output\]\nE1\ne+\n\[…[^\]]+\]\ne+E2\n$/);
    expect(await read(59_999_999, 10)).toMatch(/\[continue with offset 60000009 of 60000012\]$/);
  });

  it('F29 E13 characters cut anywhere come back whole, from anywhere', async () => {
    const line = 'äöü€😀 and so on\n';
    await run(`yes '${line.trim()}' | head -n 800000`);
    for (const place of [0, 1, 8_191, 16_384, 61_234, 100_000, 523_456, 799_998]) {
      const start = place * line.length;
      expect((await read(start, 2 * line.length)).slice(0, 2 * line.length)).toBe(line.repeat(2));
      // In the middle of the pair, from which the next reading goes back to its first half.
      expect(await read(start + 5, line.length)).toMatch(/^😀 and so on\näöü€\n\[continue/);
    }
    expect(await read(800_000 * line.length, 10)).toBe('');
  });

  it('F29 A39 no secret is stored or shown, wherever it is torn', async () => {
    const { output } = await run(`yes '${SECRET}' | head -n 700000`);
    expect(output).toContain('[redacted]');
    expect(output).not.toMatch(/horse|staple/);
    const line = '[redacted]\n';
    for (let offset = 0; offset < 700_000 * line.length; offset += 1_000 * line.length)
      expect((await read(offset, 1_000 * line.length)).startsWith(line.repeat(1_000))).toBe(true);
  });

  it('F29 one that runs away is ended; what it said until then is stored', async () => {
    const { ok, output, metadata } = await run('yes', 30 * MiB);
    expect({ ok, metadata }).toMatchObject({
      ok: false,
      metadata: { errorCode: 'tool.too_much_output', bytes: 30 * MiB },
    });
    expect(output).toMatch(/\n\[stopped: more than [\d.]+ GiB of output\]$/);
    expect(await read(30 * MiB - 4, 100)).toMatch(/^y\ny\n\[stopped: more than/);
  });

  it('F29 F30 where the store is full the command is ended, and the result says so', async () => {
    let writes = 0;
    const { ok, output, metadata, isKept } = await run('yes', 2 ** 30, async (part) => {
      writes += 1;
      if (writes > 3) throw new AppError('store.full', 'There is no room to write.');
      await storeAs(index)(part);
    });
    expect({ ok, isKept, metadata }).toMatchObject({
      ok: false,
      isKept: true,
      metadata: { errorCode: 'tool.output_not_stored' },
    });
    expect(output).toMatch(
      /could not be stored\]\n\[the rest could not be stored: there is no room left for it\]$/,
    );
    expect(await read(3 * MiB - 2, 100)).toMatch(/^y\n/);
  });

  it('F29 E25 what was said before a stop is stored', async () => {
    const stop = new AbortController();
    const running = run(
      'yes',
      2 ** 30,
      async (part) => {
        stop.abort();
        await storeAs(index)(part);
      },
      stop.signal,
    );
    expect(await running).toMatchObject({
      ok: false,
      isKept: true,
      metadata: { errorCode: 'tool.cancelled' },
    });
    expect(await read(2 ** 20 - 2, 2)).toMatch(/^y\n\n\[continue/);
  });
});
