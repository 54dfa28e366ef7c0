/** What the SDKs of the platforms read of an answer, and how a call fails (F15: one that was cut off is ambiguous). */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { createPlainFetch } from '../../../src/channels/plain-fetch.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/x`;
}

/** Answers with what came in. */
const echo: RequestListener = (request, response) => {
  response.setHeader('x-method', request.method ?? '');
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => void chunks.push(chunk));
  request.on('end', () => {
    response.writeHead(201, 'Made', { 'x-type': request.headers['content-type'] ?? '', 'x-two': ['a', 'b'] });
    response.end(Buffer.concat(chunks));
  });
};

test('gives status, headers and body as a fetch does', async () => {
  const url = await serve(echo);
  const ask = createPlainFetch();
  const headers = { 'content-type': 'application/json' };
  const answer = await ask(new URL(url), { method: 'POST', headers, body: '{"say":"grüß 👋"}' });
  expect([answer.ok, answer.status, answer.statusText, answer.url]).toEqual([true, 201, 'Made', url]);
  expect([answer.headers.get('X-Type'), answer.headers.get('x-two')]).toEqual(['application/json', 'a, b']);
  expect([answer.headers.has('X-Two'), answer.headers.has('x-three')]).toEqual([true, false]);
  expect(await answer.json()).toEqual({ say: 'grüß 👋' });
  expect(await answer.text()).toBe('{"say":"grüß 👋"}');
  expect(Buffer.from(await answer.arrayBuffer()).toString()).toBe('{"say":"grüß 👋"}');
});

test('changes as it creates', async () => {
  const url = await serve(echo);
  const ask = createPlainFetch();
  for (const method of ['POST', 'PATCH', 'PUT']) {
    const answer = await ask(url, { method, body: 'text' });
    expect([answer.headers.get('x-method'), await answer.text()]).toEqual([method, 'text']);
  }
});

test('sends a stream, and a form by way of the global fetch', async () => {
  const url = await serve(echo);
  const ask = createPlainFetch();
  const stream = Readable.from(['one ', 'two'], { objectMode: false });
  expect(await (await ask(url, { method: 'POST', body: stream })).text()).toBe('one two');
  const form = new FormData();
  form.append('name', 'value');
  const answer = await ask(url, { method: 'POST', body: form });
  expect(answer.headers.get('x-type')).toContain('multipart/form-data');
  expect(await answer.text()).toContain('value');
});

test('F15: what is not answered in time, or not to its end, is no answer', async () => {
  const silent = await serve(() => {});
  const half = await serve((_, response) => {
    response.writeHead(200);
    response.write('{"ok":');
  });
  const ask = createPlainFetch(100);
  const said = /no whole answer came within 100 ms/;
  await expect(ask(silent, { method: 'POST', body: 'x' })).rejects.toThrow(said);
  await expect((await ask(half, { method: 'POST', body: 'x' })).json()).rejects.toThrow(said);
  await expect(ask(silent, { method: 'POST', body: new FormData() })).rejects.toThrow(/timeout/);
});

test('F15: an answer that breaks off is no answer', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('{"ok":');
    setImmediate(() => response.destroy());
  });
  const answer = await createPlainFetch()(url, { method: 'POST', body: '' });
  await expect(answer.text()).rejects.toThrow();
});

test('an abort ends the call, before and while it waits; nobody else hears of it', async () => {
  const url = await serve(() => {});
  const ask = createPlainFetch();
  await expect(ask(url, { method: 'POST', body: '', signal: AbortSignal.abort() })).rejects.toThrow(
    'aborted',
  );
  const stop = new AbortController();
  const waiting = ask(url, { method: 'POST', body: '', signal: stop.signal });
  setImmediate(() => stop.abort());
  await expect(waiting).rejects.toThrow('aborted');
});

test('a stream that fails ends the call', async () => {
  const url = await serve(echo);
  const stream = new Readable({ read: () => void stream.destroy(new Error('the file is gone')) });
  await expect(createPlainFetch()(url, { method: 'POST', body: stream })).rejects.toThrow('the file is gone');
});

test('A26: a redirect is not followed, so that a token goes nowhere else', async () => {
  const url = await serve((_, response) =>
    response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
  );
  const answer = await createPlainFetch()(url, { method: 'POST', body: 'token' });
  expect([answer.ok, answer.status]).toEqual([false, 307]);
});
