import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capParts } from '../../../../src/agent/tools/excerpt.ts';
import { createOutput, type OutputDeps } from '../../../../src/agent/tools/output.ts';
import { createRedact } from '../../../../src/runtime/redact.ts';

const SECRET = 'sk-secret-välue-€😀';

/** Keeps what it is told to store, in order, each time checked that nothing is missing before it. */
function shelf() {
  const held = { text: '', writes: 0 };
  const store: OutputDeps['store'] = async ({ start, text }) => {
    expect(start).toBe(held.text.length);
    held.text += text;
    held.writes += 1;
  };
  return { held, store };
}

const open = (store: OutputDeps['store'], keep = 1_000) =>
  createOutput({ keep, redact: createRedact(() => [SECRET]), store });

const textOf = ({ head, gap, tail }: { head: string; gap: number; tail: string }) => {
  expect(gap).toBe(0);
  return head + tail;
};

describe('output while it comes', () => {
  it('E14 what is short is not written before the end: it costs no commit of its own', async () => {
    const { held, store } = shelf();
    const output = open(store);
    void output.stream().add(Buffer.from('short'));
    const { whole, isStored, rest } = await output.finish('');
    expect(textOf(whole)).toBe('short');
    expect([isStored, rest, held.writes]).toEqual([false, { start: 0, text: 'short' }, 0]);
  });

  it('E14 F29 keeps all of a long one, in order, and asks to wait while it is written', async () => {
    const { held, store } = shelf();
    const door = Promise.withResolvers<void>();
    const output = open((part) => door.promise.then(() => store(part)));
    const stream = output.stream();
    const line = Buffer.from(`${'a line of text '.repeat(70)}\n`);
    let count = 0;
    let room: Promise<void> | null = null;
    while (room === null) {
      room = stream.add(line);
      count += 1;
    }
    // Two batches: one that is being written, one that waits.
    expect(count * line.length).toBeLessThan(3 * 2 ** 20);
    door.resolve();
    await room;
    expect(stream.add(line)).toBeNull();
    const { isStored, rest, whole } = await output.finish('[exit code 1]');
    expect(isStored).toBe(true);
    const all = `${line.toString().repeat(count + 1)}[exit code 1]`;
    expect(rest.start).toBe(held.text.length);
    expect(held.text + rest.text).toBe(all);
    expect(whole.head.length + whole.gap + whole.tail.length).toBe(all.length);
  });

  it('E14 each stream keeps its share of the prompt, all is stored as it came', async () => {
    const { store } = shelf();
    const output = open(store);
    const [out, errors] = [output.stream(), output.stream('[error output]')];
    void out.add(Buffer.from('begin '));
    void errors.add(Buffer.from('the error, in full\n'));
    void out.add(Buffer.from(`${'o'.repeat(50_000)} end`));
    const { parts, rest } = await output.finish('[exit code 3]');
    const shown = capParts(parts, 1_000, 't/1');
    expect(shown).toMatch(
      /^begin o+\n\[… \d+ characters left out.*\]\no+ end\n\[error output\]\nthe error, in full\n\[exit code 3\]$/,
    );
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(1_000);
    // What the short one left over, the long one has.
    expect(Buffer.byteLength(shown)).toBeGreaterThan(950);
    expect(rest.text).toBe(`begin the error, in full\n${'o'.repeat(50_000)} end\n[exit code 3]`);
  });

  it('E14 a stream that speaks alone has no title', async () => {
    const output = open(shelf().store);
    output.stream();
    void output.stream('[error output]').add(Buffer.from('bad'));
    const { parts } = await output.finish('[exit code 1]');
    expect(parts.map(textOf)).toEqual(['bad\n[exit code 1]']);
  });

  it('E13 A39 F29 characters and secrets torn anywhere, of two streams that take turns', async () => {
    const said = Buffer.from(`日本語 ${SECRET} 👩‍👩‍👧 sk-secret ${SECRET.repeat(2)} sk-`);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), async (sizes) => {
        const output = open(shelf().store);
        const streams = [output.stream(), output.stream()];
        for (let at = 0, turn = 0; at < said.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          for (const stream of streams) stream.add(said.subarray(at, at + size));
          at += size;
        }
        const { parts, rest } = await output.finish('');
        const clean = '日本語 [redacted] 👩‍👩‍👧 sk-secret [redacted][redacted] sk-';
        expect(parts.map(textOf)).toEqual([clean, clean]);
        expect(rest.text).not.toContain('välue');
        expect(rest.text.length).toBe(2 * clean.length);
      }),
    );
  });

  it('F30 says why it takes no more, and forgets what it cannot store', async () => {
    const error = new Error('There is no room.');
    const output = open(() => Promise.reject(error));
    const stream = output.stream();
    await stream.add(Buffer.alloc(2 ** 20, 'x'));
    await new Promise(setImmediate);
    expect(output.isRefused).toBe(true);
    expect(stream.add(Buffer.alloc(2 ** 21, 'y'))).toBeNull();
    const { isStored, rest, problem } = await output.finish('');
    expect([isStored, rest.text, problem]).toEqual([false, '', { error }]);
  });

  it('F27 takes nothing more when its tool is no longer waited for', async () => {
    const output = open(shelf().store);
    const stream = output.stream();
    void stream.add(Buffer.from('in time'));
    expect((await output.finish('')).rest.text).toBe('in time');
    expect(stream.add(Buffer.alloc(2 ** 21))).toBeNull();
  });
});
