/** A streamed answer is the same however the network tears its bytes, and what came together is handed on together. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { ModelRequest } from '../../../../src/agent/model/client.ts';
import { createOpenAiEndpoint } from '../../../../src/agent/model/openai.ts';

let answer: (socket: Socket) => Promise<void> | void = () => {};
let server: Server;
beforeAll(async () => {
  server = createServer((socket) => {
    let asked = '';
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (piece) => {
      asked += piece.toString('latin1');
      if (!asked.endsWith('}')) return;
      asked = '';
      void answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const sse = (chunk: object, end = '\n') => `data: ${JSON.stringify(chunk)}${end}${end}`;
const says = (content: string) => ({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const STOP = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

const framed = (piece: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);

const openEndpoint = (timeoutMs = 5_000) =>
  createOpenAiEndpoint({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    apiKey: 'k',
    model: 'm',
    timeoutMs,
    maxTokens: null,
    reasoning: null,
    price: { input: 1, output: 1 },
  });

async function ask(onDelta = () => {}, endpoint = openEndpoint(), role: ModelRequest['role'] = 'thinker') {
  const deltas: string[] = [];
  const reply = await endpoint
    .complete({
      role,
      messages: [{ role: 'user', content: 'hello' }],
      signal: new AbortController().signal,
      onDelta(text) {
        deltas.push(text);
        onDelta();
      },
    })
    .catch((error: unknown) => ({ error, text: '' }));
  return { reply, deltas };
}

/** Cut at these places. */
function torn(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b);
  return [...places, bytes.length]
    .map((place, index) => bytes.subarray(places[index - 1] ?? 0, place))
    .filter((piece) => piece.length > 0);
}

test('any tearing of the bytes gives the same draft and, joined, the same deltas', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', ' ', 'ü', '語', '👋', '"', '\\', '\n'), maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { minLength: 1, maxLength: 10 }),
      fc.constantFrom('\n', '\r\n'),
      fc.array(fc.nat(5_000), { maxLength: 12 }),
      async (texts, end, cuts) => {
        const whole = ['x', ...texts].map((one) => sse(says(one), end)).join('');
        const bytes = Buffer.from(`${whole}${sse(STOP, end)}data: [DONE]${end}${end}`);
        answer = async (socket) => {
          socket.write(HEAD);
          for (const [index, piece] of torn(bytes, cuts).entries()) {
            socket.write(framed(piece));
            if (index % 2 === 1) await turn();
          }
          socket.write('0\r\n\r\n');
        };
        const { reply, deltas } = await ask();
        expect(reply).toMatchObject({ text: `x${texts.join('')}`, finishReason: 'stop' });
        expect(deltas.join('')).toBe(`x${texts.join('')}`);
        expect(deltas).not.toContain('');
      },
    ),
    { numRuns: 60 },
  );
});

test('what came together is handed on at once, and the first piece does not wait for the second', async () => {
  const { promise: seen, resolve: see } = Promise.withResolvers<void>();
  answer = async (socket) => {
    socket.write(Buffer.concat([Buffer.from(HEAD), framed(Buffer.from(sse(says('first'))))]));
    await seen;
    const rest = [says(' a'), says(' b'), says(' c'), STOP].map((one) => framed(Buffer.from(sse(one))));
    socket.write(Buffer.concat([...rest, framed(Buffer.from('data: [DONE]\n\n')), Buffer.from('0\r\n\r\n')]));
  };
  // The rest is sent only when the first was handed on.
  const { deltas } = await ask(see);
  expect(deltas).toEqual(['first', ' a b c']);
});

test('a side answer, whose role has an endpoint of its own, is read as it comes while many others rest', async () => {
  const many = 20;
  const open: Socket[] = [];
  answer = (socket) => {
    socket.write(HEAD);
    open.push(socket);
    if (open.length === many) for (const one of open) one.write(framed(Buffer.from(sse(says('plain')))));
    if (open.length > many) socket.write(framed(Buffer.from(sse(says('aside')))));
  };
  // The others are read on when a timer runs out, and none does.
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const endpoint = openEndpoint();
  const told: string[] = [];
  const { promise: seen, resolve: see } = Promise.withResolvers<void>();
  const others = Array.from({ length: many }, () => ask(() => told.push('plain'), endpoint));
  while (open.length < many) await turn();
  const onAside = (): void => {
    told.push('aside');
    see();
  };
  const aside = ask(onAside, openEndpoint(), 'btw');
  await seen;
  const before = [...told];
  for (const socket of open) socket.write(`${framed(Buffer.from(`${sse(STOP)}data: [DONE]\n\n`))}0\r\n\r\n`);
  await aside;
  while (told.length <= many) {
    vi.advanceTimersByTime(60);
    await turn();
  }
  for (const one of await Promise.all([...others, aside]))
    expect(one.reply).toMatchObject({ finishReason: 'stop' });
  expect(before.at(-1)).toBe('aside');
  expect(before.length).toBeLessThan(many);
});

test('an answer may take as long as it keeps coming, and signs of life that say nothing do not count', async () => {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 60));
  const write = async (socket: Socket, text: string) => {
    socket.write(framed(Buffer.from(text)));
    await pause();
  };
  answer = async (socket) => {
    socket.write(HEAD);
    for (let index = 0; index < 8; index++) await write(socket, sse(says('on ')));
    socket.write(framed(Buffer.from(`${sse(STOP)}data: [DONE]\n\n`)));
    socket.write('0\r\n\r\n');
  };
  expect((await ask(undefined, openEndpoint(300))).reply).toMatchObject({
    text: 'on '.repeat(8),
    finishReason: 'stop',
  });
  answer = async (socket) => {
    socket.write(HEAD);
    await write(socket, sse(says('half')));
    for (let index = 0; index < 12; index++) await write(socket, ': still here\n\n');
    socket.write(framed(Buffer.from(`${sse(STOP)}data: [DONE]\n\n`)));
  };
  expect((await ask(undefined, openEndpoint(300))).reply).toMatchObject({ error: { code: 'model.timeout' } });
});

test('what came before an error in mid-stream is handed on before it', async () => {
  answer = (socket) => {
    const said = [says('half'), says(' of it'), { error: { message: 'overloaded' } }, says(' late')];
    socket.write(Buffer.concat([Buffer.from(HEAD), ...said.map((one) => framed(Buffer.from(sse(one))))]));
  };
  const { reply, deltas } = await ask();
  expect(deltas).toEqual(['half of it']);
  expect(reply).toMatchObject({ error: { code: 'model.unavailable' } });
});

test('a page instead of a stream leaves no connection behind', async () => {
  const page = 'x'.repeat(1024 * 1024);
  let isLeft = false;
  answer = (socket) => {
    socket.on('close', () => {
      isLeft = true;
    });
    socket.end(`HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${page.length}\r\n\r\n${page}`);
  };
  const { reply } = await ask();
  expect(reply).toMatchObject({ error: { code: 'model.invalid_response' } });
  await expect.poll(() => isLeft).toBe(true);
});
