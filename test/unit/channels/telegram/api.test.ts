/** One call of the Bot API: what is sent, what each kind of answer is to the caller, and that no error holds the token. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { InputFile } from 'grammy';
import { expect, it, onTestFinished } from 'vitest';
import { createTelegramApi } from '../../../../src/channels/telegram/api.ts';

const TOKEN = '1:secret';

type Asked = { readonly url: string | undefined; readonly type: string | undefined; readonly body: string };

function close(server: Server): void {
  server.closeAllConnections();
  server.close();
}

async function scene(status: number, answer: string) {
  const asked: Asked[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    asked.push({ url: request.url, type: request.headers['content-type'], body: await text(request) });
    if (answer === '') return response.destroy();
    response.writeHead(status, { 'content-type': 'application/json' }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => close(server));
  const { port } = server.address() as AddressInfo;
  return { asked, api: createTelegramApi({ token: TOKEN, apiUrl: `http://127.0.0.1:${port}/` }) };
}

it('sends what is given as JSON, and gives what Telegram answers', async () => {
  const { api, asked } = await scene(200, '{"ok":true,"result":{"message_id":7}}');
  const sent = await api.call((by) => by.sendMessage(5, 'a "b" ü', { parse_mode: 'HTML' }));
  expect(sent.message_id).toBe(7);
  expect(asked[0]).toMatchObject({ url: `/bot${TOKEN}/sendMessage`, type: 'application/json' });
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ chat_id: 5, text: 'a "b" ü', parse_mode: 'HTML' });
});

it('sends a file as a form', async () => {
  const { api, asked } = await scene(200, '{"ok":true,"result":{"message_id":7}}');
  await api.call((by) => by.sendDocument(5, new InputFile(Buffer.from('inside'), 'a.txt')));
  expect(asked[0]?.type).toContain('multipart/form-data');
  expect(asked[0]?.body).toContain('inside');
});

it.each([
  ['a refusal', 400, '{"ok":false,"error_code":400,"description":"Bad Request"}', 'channel.rejected'],
  [
    'a refused token',
    401,
    '{"ok":false,"error_code":401,"description":"Unauthorized"}',
    'channel.unauthorized',
  ],
  [
    'a limit',
    429,
    '{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":2}}',
    'channel.rate_limited',
  ],
  ['a failure', 502, '<html>', 'channel.unavailable'],
  ['no answer', 0, '', 'channel.unavailable'],
])('%s', async (_what, status, answer, code) => {
  const { api, asked } = await scene(status, answer);
  const failure: unknown = await api.call((by) => by.getMe()).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code });
  expect(JSON.stringify(failure) + String(failure)).not.toContain('secret');
  expect(asked).toHaveLength(1);
});

it('stops asking for updates when it is told to', async () => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => close(server));
  const { port } = server.address() as AddressInfo;
  const api = createTelegramApi({ token: TOKEN, apiUrl: `http://127.0.0.1:${port}` });
  const stop = new AbortController();
  const asking = api.updates({ offset: 1, allowed: ['message'], wait: true, stop: stop.signal });
  setTimeout(() => stop.abort(), 20);
  await expect(asking).rejects.toMatchObject({ code: 'channel.unavailable' });
});
