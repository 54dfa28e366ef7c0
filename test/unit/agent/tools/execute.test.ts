import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { executeTool, validateArgs } from '../../../../src/agent/tools/execute.ts';
import { readOutput } from '../../../../src/agent/tools/read-output.ts';
import {
  type AnyTool,
  defineTool,
  type ToolContext,
  type ToolResult,
} from '../../../../src/agent/tools/tool.ts';
import { createRedact } from '../../../../src/runtime/redact.ts';
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
    redact: createRedact(() => ['sk-secret-value']),
    storeOutput: () => Promise.reject(new Error('nothing is so long')),
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
    expect(await execute(fine)).toMatchObject({ ok: true, output: 'fine', isKept: false, rest: null });
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
      expect(done.rest?.text).toContain('[redacted]');
      expect(done.rest?.text).not.toContain('sk-sec');
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
    expect(result).toMatchObject({ isKept: true, rest: { start: 0, text: whole } });
    expect(Buffer.byteLength(result.output)).toBeLessThanOrEqual(4096);
    expect(result.output).toContain('characters left out; full output: read_output("t/1")]');
  });
});

describe('read_output', () => {
  const whole = `${'a'.repeat(9)}🎉${'b'.repeat(9)}`;
  const read = (args: object) => {
    const checked = validateArgs(readOutput, JSON.stringify(args));
    if (!checked.ok) throw new Error(checked.error);
    const context = contextFor('/', {
      readOutput: async (name, { start, length }) =>
        name === 't/1' ? { text: whole.slice(start, start + length), total: whole.length } : undefined,
    });
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

  it('E14 comes to the end in steps of any size', async () => {
    for (const limit of [1, 2, 3, 7]) {
      let [said, offset] = ['', 0];
      for (let more = true; more; ) {
        const { output } = await read({ reference: 't/1', offset, limit });
        const [part = '', next] = output.split('\n[continue with offset ');
        said += part;
        more = next !== undefined;
        expect(more ? Number.parseInt(next ?? '', 10) : whole.length).toBeGreaterThan(offset);
        if (more) offset = Number.parseInt(next ?? '', 10);
      }
      expect(said).toBe(whole);
    }
  });

  it('E12 says when there is no such output', async () => {
    expect(await read({ reference: 't/2' })).toMatchObject({
      ok: false,
      output: expect.stringContaining('t/2'),
    });
  });
});
