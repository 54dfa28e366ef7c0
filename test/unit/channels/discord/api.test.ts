/** Discord's limit for a whole bot: 50 calls a second, in whatever places they are made (F14). */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createDiscordApi } from '../../../../src/channels/discord/api.ts';

it('F14: what waits for the next second does not go all at once when it begins', async () => {
  const cameAt: number[] = [];
  const server = createServer((request, response) => {
    cameAt.push(performance.now());
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"1"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const api = createDiscordApi({ token: 'x', apiUrl: `http://127.0.0.1:${port}`, onFailure: () => {} });
  onTestFinished(() => {
    api.close();
    server.closeAllConnections();
    server.close();
  });
  const calls = Array.from({ length: 120 }, (_, place) =>
    api.createMessage(String(100_000_000_000_000_000n + BigInt(place)), { content: 'hi' }),
  );
  expect(api.isCrowded()).toBe(true);
  await Promise.all(calls);
  expect(api.isCrowded()).toBe(false);
  expect(cameAt).toHaveLength(120);
  // Fifty, fifty, and twenty in a third second; a slow machine only makes it longer.
  expect((cameAt.at(-1) ?? 0) - (cameAt[0] ?? 0)).toBeGreaterThan(1_500);
});
