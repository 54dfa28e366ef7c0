import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { capOutput, capParts, executeTool, validateArgs } from '../../../../src/agent/tools/execute.ts';
import { readOutput } from '../../../../src/agent/tools/read-output.ts';
import {
  type AnyTool,
  defineTool,
  type ToolContext,
  type ToolResult,
} from '../../../../src/agent/tools/tool.ts';
import { contextFor } from './scratch.ts';

const toolThat = (run: (context: ToolContext) => Promise<ToolResult>, timeoutMs = 10_000): AnyTool =>
  defineTool({
    name: 'probe',
    description: '',
    input: z.strictObject({ text: z.string() }),
    effect: 'read',
    risks: ['low'],
    timeoutMs,
    assess: () => Promise.reject(new Error('not used')),
    run: (_args, context) => run(context),
  });

const fine = toolThat(async () => ({ ok: true, output: 'fine', metadata: {} }));

const execute = (tool: AnyTool, context: Partial<ToolContext> = {}, promptBytes = 1000) =>
  executeTool({
    tool,
    args: { text: 'x' },
    context: contextFor('/', context),
    reference: 't/1',
    promptBytes,
    redact: (text) => text.replaceAll('sk-secret-value', '[redacted]'),
  });

describe('output in parts', () => {
  const [long, short] = ['o'.repeat(50_000), 'the error, in full'];

  it('E14 a noisy stream does not take the room of the other', async () => {
    const parts = [`begin ${long} end`, `[error output]\n${short}`];
    const tool = toolThat(async () => ({ ok: false, output: parts.join('\n'), parts, metadata: {} }));
    const { output, full } = await execute(tool);
    expect(output).toMatch(
      /^begin o+\n\[… \d+ characters left out.*\]\no+ end\n\[error output\]\nthe error, in full$/,
    );
    expect(Buffer.byteLength(output)).toBeLessThanOrEqual(1000);
    // What the short one left over, the long one has.
    expect(Buffer.byteLength(output)).toBeGreaterThan(950);
    expect(full).toBe(parts.join('\n'));
  });

  it('E14 two noisy ones keep beginning and end each, at any length and in any script', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 400 }), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.integer({ min: 600, max: 2_000 }),
        (words, room) => {
          const parts = words.map((word) => `<${word.repeat(20)}>`);
          const shown = capParts(parts, room, 't/1');
          expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(room);
          expect(shown.isWellFormed()).toBe(parts.join('').isWellFormed());
          expect(shown.split('<').length).toBeGreaterThan(parts.length);
          expect(shown.split('>').length).toBeGreaterThan(parts.length);
        },
      ),
    );
  });

  it('E14 what fits is shown in the order it came', async () => {
    const parts = ['out\n', '[error output]\nbad\n'];
    const tool = toolThat(async () => ({ ok: true, output: 'bad\nout\n', parts, metadata: {} }));
    expect(await execute(tool)).toMatchObject({ output: 'bad\nout\n', full: null });
  });

  it('A39 no part shows a secret', async () => {
    const parts = [long, `[error output]\nsk-secret-value ${long}`];
    const tool = toolThat(async () => ({ ok: true, output: parts.join('\n'), parts, metadata: {} }));
    const { output, full } = await execute(tool);
    expect(output).toContain('[redacted]');
    expect(`${output}${full}`).not.toContain('sk-secret-value');
  });
});

describe('validateArgs', () => {
  it.each([
    ['no JSON', '{"text":', 'not valid JSON'],
    ['a wrong type', '{"text":1}', 'text'],
    ['a missing argument', '', 'text'],
    ['an unknown argument', '{"text":"a","more":1}', 'more'],
    ['a list', '[]', 'do not fit'],
    ['something endless', `{"text":"${'a'.repeat(2_000_001)}"}`, 'too long'],
  ])('E12 turns %s into a result for the model', (_name, json, hint) => {
    const checked = validateArgs(fine, json);
    expect(checked).toMatchObject({ ok: false, error: expect.stringContaining(hint) });
  });

  it.each(['{"text":"a","__proto__":{"x":1}}', '{"text":"a","a":[{"constructor":{"prototype":{}}}]}'])(
    'A44 refuses keys that reach into prototypes: %s',
    (json) => {
      expect(validateArgs(fine, json)).toMatchObject({
        ok: false,
        error: expect.stringContaining('forbidden key'),
      });
      expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
    },
  );

  it('E12 survives nesting without end', () => {
    expect(validateArgs(fine, '['.repeat(100_000)).ok).toBe(false);
    expect(validateArgs(fine, `${'['.repeat(100_000)}${']'.repeat(100_000)}`).ok).toBe(false);
  });

  it('E13 leaves CJK, emoji and lone surrogates as they are', () => {
    const text = '日本語 한국어 👩‍👩‍👧 \u202e \ud800';
    expect(validateArgs(fine, JSON.stringify({ text }))).toEqual({ ok: true, args: { text } });
  });
});

describe('executeTool', () => {
  it('gives back what the tool said', async () => {
    expect(await execute(fine)).toMatchObject({ ok: true, output: 'fine', full: null });
  });

  it('P10, A39: takes a secret out before it cuts, so that no half of one is left at the edge', async () => {
    for (let before = 0; before < 40; before++) {
      const output = `${'x'.repeat(before)}sk-secret-value${'y'.repeat(400)}`;
      const done = await execute(
        toolThat(async () => ({ ok: true, output, metadata: {} })),
        {},
        160,
      );
      expect(done.output).not.toContain('sk-sec');
      expect(done.full).not.toContain('sk-sec');
    }
  });

  it('F28 contains a crash, thrown at once or later', async () => {
    const thrown = toolThat(() => {
      throw new Error('broken');
    });
    const rejected = toolThat(() => Promise.reject(new Error('broken')));
    for (const tool of [thrown, rejected]) {
      expect(await execute(tool)).toMatchObject({
        ok: false,
        output: 'probe failed: broken',
        metadata: { errorCode: 'tool.crashed' },
      });
    }
  });

  it('F27 takes the answer of a tool that ends by itself after the timeout', async () => {
    const tool = toolThat(
      ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ ok: false, output: 'half', metadata: {} }));
        }),
      20,
    );
    expect(await execute(tool)).toMatchObject({ ok: false, output: 'half' });
  });

  it('F27 gives up on a tool that does not end', async () => {
    const result = await execute(toolThat(() => new Promise(() => undefined), 20));
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.timeout' } });
  });

  it('E74 says when it was stopped', async () => {
    const stop = new AbortController();
    const running = execute(
      toolThat(() => new Promise(() => undefined)),
      { signal: stop.signal },
    );
    stop.abort();
    expect(await running).toMatchObject({ ok: false, metadata: { errorCode: 'tool.cancelled' } });
    expect(await execute(fine, { signal: AbortSignal.abort() })).toMatchObject({ ok: false });
  });

  it('E14 cuts 5 MB for the prompt and hands over the whole for storage', async () => {
    const whole = '0123456789'.repeat(500_000);
    const result = await execute(
      toolThat(async () => ({ ok: true, output: whole, metadata: {} })),
      {},
      4096,
    );
    expect(result.full).toBe(whole);
    expect(Buffer.byteLength(result.output)).toBeLessThanOrEqual(4096);
    expect(result.output).toContain('characters left out; full output: read_output("t/1")]');
  });
});

describe('capOutput', () => {
  it('E14 keeps within the limit, whole characters only, and counts what it left out', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 50, maxLength: 400 });
    fc.assert(
      fc.property(text, fc.integer({ min: 120, max: 600 }), (whole, limit) => {
        const capped = capOutput(whole, limit, 'r');
        expect(Buffer.byteLength(capped)).toBeLessThanOrEqual(Math.max(limit, 0));
        expect(capped.isWellFormed()).toBe(true);
        if (Buffer.byteLength(whole) <= limit) {
          expect(capped).toBe(whole);
          return;
        }
        const parts =
          /^([\s\S]*)\n\[… (\d+) characters left out; full output: read_output\("r"\)\]\n([\s\S]*)$/.exec(
            capped,
          );
        const [, head = '', count = '', tail = ''] = parts ?? [];
        expect(whole.startsWith(head) && whole.endsWith(tail)).toBe(true);
        expect(head.length + Number(count) + tail.length).toBe(whole.length);
      }),
    );
  });
});

describe('read_output', () => {
  const whole = `${'a'.repeat(9)}🎉${'b'.repeat(9)}`;
  const read = (args: object) => {
    const checked = validateArgs(readOutput, JSON.stringify(args));
    if (!checked.ok) throw new Error(checked.error);
    const context = contextFor('/', { readOutput: async (name) => (name === 't/1' ? whole : undefined) });
    return readOutput.run(checked.args, context);
  };

  it('E14 returns any part of an earlier output, never half a character', async () => {
    expect((await read({ reference: 't/1' })).output).toBe(whole);
    expect((await read({ reference: 't/1', limit: 10 })).output).toBe(
      `${'a'.repeat(9)}\n[continue with offset 9 of ${whole.length}]`,
    );
    expect((await read({ reference: 't/1', offset: 10 })).output).toBe(`🎉${'b'.repeat(9)}`);
    expect((await read({ reference: 't/1', offset: 99 })).output).toBe('');
  });

  it('E12 says when there is no such output', async () => {
    expect(await read({ reference: 't/2' })).toMatchObject({
      ok: false,
      output: expect.stringContaining('t/2'),
    });
  });
});
