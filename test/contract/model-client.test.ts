/** One contract for every model endpoint, and the one owner of retries above them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModelClient, type Endpoint, type ModelRequest } from '../../src/agent/model/client.ts';
import { createDemoEndpoint } from '../../src/agent/model/demo.ts';
import { createOpenAiEndpoint } from '../../src/agent/model/openai.ts';
import { AppError } from '../../src/domain/errors.ts';
import { systemClock } from '../../src/domain/runtime.ts';
import { type FakeModel, startFakeModel } from '../fakes/model-server.ts';
import { silent } from './store/support.ts';

let server: FakeModel;
beforeAll(async () => {
  server = await startFakeModel();
});
afterAll(() => server.close());

const openAi = (change: { timeoutMs?: number; maxTokens?: number | null } = {}): Endpoint =>
  createOpenAiEndpoint({
    baseUrl: server.url,
    apiKey: 'k',
    model: 'm',
    timeoutMs: 5_000,
    maxTokens: null,
    reasoning: null,
    price: { input: 1, output: 2 },
    ...change,
  });

const request = (change: Partial<ModelRequest> = {}): ModelRequest => ({
  role: 'thinker',
  messages: [{ role: 'user', content: 'hello' }],
  signal: new AbortController().signal,
  ...change,
});

const tools = [{ name: 'shell', description: 'd', parameters: { type: 'object' } }];

describe.each([
  ['OpenAI-compatible', () => openAi()],
  ['demo', () => createDemoEndpoint()],
] as const)('the %s endpoint', (_name, open) => {
  it('gives the same text whole and streamed, with usage and a finish reason', async () => {
    server.script(() => ({ text: 'one two three' }));
    const endpoint = open();
    const chunks: string[] = [];
    const reply = await endpoint.complete(request({ onDelta: (text) => void chunks.push(text) }));
    expect(chunks.join('')).toBe(reply.text);
    expect((await endpoint.complete(request())).text).toBe(reply.text);
    expect(reply).toMatchObject({
      finishReason: 'stop',
      toolCalls: [],
      totalTokens: reply.promptTokens + reply.completionTokens,
    });
    expect(reply.totalTokens).toBeGreaterThan(0);
  });

  it('calls tools only when some are offered', async () => {
    server.script((call) =>
      call.tools === undefined
        ? { text: 'no tools' }
        : { toolCalls: [{ name: 'shell', args: { command: 'ls' } }] },
    );
    const messages = [{ role: 'user', content: 'run ls' }] as const;
    const acting = await open().complete(request({ messages, tools }));
    expect(acting.toolCalls).toMatchObject([{ tool: 'shell', args: '{"command":"ls"}' }]);
    expect((await open().complete(request({ messages }))).toolCalls).toEqual([]);
  });

  it('ends at once when it is stopped', async () => {
    server.script(() => ({ text: 'a b', holdAfterFirst: new Promise(() => {}) }));
    const abort = new AbortController();
    const asked = open().complete(
      request({
        messages: [{ role: 'user', content: 'count to 2000' }],
        signal: abort.signal,
        onDelta: () => abort.abort('stop'),
      }),
    );
    await expect(asked).rejects.toBeDefined();
  });
});

describe('the OpenAI-compatible endpoint', () => {
  const codeOf = async (endpoint: Endpoint): Promise<string> => {
    try {
      await endpoint.complete(request());
      return 'none';
    } catch (error) {
      return error instanceof AppError ? error.code : String(error);
    }
  };

  it.each([
    [401, 'model.unauthorized'],
    [403, 'model.unauthorized'],
    [429, 'model.rate_limited'],
    [500, 'model.unavailable'],
    [503, 'model.unavailable'],
    [400, 'model.rejected'],
  ])('status %i is %s', async (status, code) => {
    server.script(() => ({ status }));
    expect(await codeOf(openAi())).toBe(code);
  });

  it('silence over the limit is a timeout; a long answer that keeps coming is not', async () => {
    server.script(() => ({ text: 'late', hold: new Promise(() => {}) }));
    expect(await codeOf(openAi({ timeoutMs: 60 }))).toBe('model.timeout');
  });

  it('silence over the limit is a timeout for an answer that does not stream, too', async () => {
    server.script(() => ({ text: 'late', hold: new Promise(() => {}) }));
    const whole: Endpoint = {
      ...openAi(),
      complete: ({ onDelta: _, ...asked }) => openAi({ timeoutMs: 60 }).complete(asked),
    };
    expect(await codeOf(whole)).toBe('model.timeout');
  });

  it('an endpoint that is not there is unavailable, without a stack for anybody', async () => {
    const gone = createOpenAiEndpoint({
      baseUrl: 'http://127.0.0.1:1/v1',
      apiKey: '',
      model: 'm',
      timeoutMs: 1_000,
      maxTokens: null,
      reasoning: null,
      price: { input: 0, output: 0 },
    });
    expect(await codeOf(gone)).toBe('model.unavailable');
  });

  it('gives calls that share an id one each, so that every result finds its call', async () => {
    const call = { name: 'shell', args: {}, id: 'same' };
    server.script(() => ({ toolCalls: [call, call] }));
    const { toolCalls } = await openAi().complete(request({ tools }));
    expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(2);
  });

  it('sends the token limit under the name that compatible servers know', async () => {
    server.reset();
    server.script(() => ({ text: 'ok' }));
    await openAi({ maxTokens: 5 }).complete(request());
    expect(server.calls[0]?.body).toMatchObject({ max_tokens: 5 });
  });
});

describe('the client above the endpoints', () => {
  const noMetrics = { count: () => {}, gauge: () => {}, observe: () => {} };
  const client = (...endpoints: [Endpoint, ...Endpoint[]]) =>
    createModelClient({
      endpoints: () => endpoints,
      clock: systemClock,
      log: silent,
      metrics: noMetrics,
      random: () => 0,
    });
  const failing = (
    code: 'model.unavailable' | 'model.rejected' | 'model.unauthorized',
    attempts: string[],
    name: string,
  ): Endpoint => ({
    model: name,
    price: { input: 0, output: 0 },
    complete: async () => {
      attempts.push(name);
      throw new AppError(code, 'x', { details: { retryAfterMs: 0 } });
    },
  });

  it('F20: tries three times, then the fallback, and prices what was used', async () => {
    server.script(() => ({ text: 'ok', usage: { prompt: 1_000_000, completion: 500_000 } }));
    const attempts: string[] = [];
    const reply = await client(failing('model.unavailable', attempts, 'first'), openAi()).call(request());
    expect(attempts).toEqual(['first', 'first', 'first']);
    expect(reply.cost).toBe(2);
  });

  it('does not repeat what cannot succeed: a refused key goes straight on, a malformed request nowhere', async () => {
    const attempts: string[] = [];
    await expect(
      client(
        failing('model.unauthorized', attempts, 'a'),
        failing('model.rejected', attempts, 'b'),
        failing('model.unavailable', attempts, 'c'),
      ).call(request()),
    ).rejects.toMatchObject({ code: 'model.rejected' });
    expect(attempts).toEqual(['a', 'b']);
  });
});
