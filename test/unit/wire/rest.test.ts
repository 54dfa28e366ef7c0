/** Connections that rest after each reading: what comes meanwhile, the ends of answers and connections, TLS. */
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setDefaultCACertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { createWire } from '../../../src/wire/wire.ts';
import { serve, serveRaw } from './servers.ts';

/** Of `localhost`, signed by itself, for nothing but this test. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/NbtP6zrppIzEkCf
HaR3tFU0eErpSUpOQUrTMBPVczqhRANCAARabnD4PdDSbJRA8Z78q0zyLTvsLTZe
FNIbV0otVaXJFN2wV+VnZAmlh8YF2zi1H8wvY4XBcTOAmkx0BTrvfnY2
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUC9NM6Z7K0oe8S8Y6BOiZJ0UPxH4wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODE4MzgwNVoYDzIxMjYxMTA0
MTgzODA1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARabnD4PdDSbJRA8Z78q0zyLTvsLTZeFNIbV0otVaXJFN2wV+VnZAml
h8YF2zi1H8wvY4XBcTOAmkx0BTrvfnY2o2kwZzAdBgNVHQ4EFgQUgPhLSI2aZhqJ
VwGuGrgJRCHdmFowHwYDVR0jBBgwFoAUgPhLSI2aZhqJVwGuGrgJRCHdmFowDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIhALbCc7VaqiNKUyh6Tg5LTRODaMw1KXhhQgfLBX6LEk7ZAiA1Pa0dYUyh
uwUZgXfN7qZU+L6dMRFMO5BNUoQGsHps9g==
-----END CERTIFICATE-----`;
const post = { method: 'POST', headers: {}, body: 'question' };
const HEAD = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n';
const wait = () => new Promise((resolve) => setTimeout(resolve, 30));

/** A wire whose readings go on when the test says so. */
function restful() {
  const resting: (() => void)[] = [];
  const ask = createWire((goOn) => void resting.push(goOn));
  return { ask, resting, goOn: () => resting.splice(0).forEach((one) => void one()) };
}

async function served() {
  const sockets: Socket[] = [];
  const url = await serveRaw((socket) => void sockets.push(socket));
  const { ask, resting, goOn } = restful();
  const asked = ask(url, { ...post, isRepeatable: true });
  await expect.poll(() => sockets.length).toBe(1);
  const say = (text: string) => new Promise((resolve) => sockets.at(-1)?.write(text, resolve));
  const taken: string[] = [];
  await say(`${HEAD}ab`);
  const answer = await asked;
  const over = answer.read((pieces) => void taken.push(Buffer.concat(pieces).toString()));
  await expect.poll(() => taken).toEqual(['ab']);
  return { ask, url, sockets, say, taken, over, resting, goOn };
}

test('what comes meanwhile waits, and is read together', async () => {
  const { say, taken, over, goOn } = await served();
  await say('c');
  await say('d');
  await wait();
  expect(taken).toEqual(['ab']);
  goOn();
  await expect.poll(() => taken).toEqual(['ab', 'cd']);
  await say('ef');
  goOn();
  await over;
  expect(taken).toEqual(['ab', 'cd', 'ef']);
});

test('that the server has left is noticed with the next reading', async () => {
  const { sockets, taken, over, goOn } = await served();
  sockets[0]?.end('c');
  await wait();
  goOn();
  await expect.poll(() => taken).toEqual(['ab', 'c']);
  goOn();
  await expect(over).rejects.toThrow('other side closed');
});

test('a connection that was closed during its rest is not what the next call fails of', async () => {
  const { ask, url, sockets, say, over, goOn } = await served();
  await say('cdef');
  goOn();
  await over;
  sockets[0]?.end();
  await wait();
  const asked = ask(url, { ...post, isRepeatable: true });
  await expect
    .poll(() => {
      goOn();
      return sockets.length;
    })
    .toBe(2);
  await say(`${HEAD}second`);
  expect(String(await (await asked).bytes())).toBe('second');
});

test('an abort needs no reading', async () => {
  const sockets: Socket[] = [];
  const url = await serveRaw((socket) => {
    sockets.push(socket);
    socket.write(`${HEAD}ab`);
  });
  const { ask, goOn } = restful();
  const abort = new AbortController();
  const answer = await ask(url, { ...post, signal: abort.signal });
  const over = answer.read(() => {});
  await wait();
  abort.abort(new Error('not wanted'));
  await expect(over).rejects.toThrow('not wanted');
  await expect.poll(() => sockets[0]?.destroyed).toBe(true);
  goOn();
});

test('a long answer is not kept waiting for its rests', async () => {
  const { url } = await serve((_, response) => response.end(Buffer.alloc(8 * 1024 * 1024)));
  const { ask, resting, goOn } = restful();
  const answer = await ask(url, post);
  let readings = 0;
  const over = answer.bytes().finally(() => clearInterval(timer));
  const timer = setInterval(() => {
    readings += resting.length;
    goOn();
  }, 1);
  expect((await over).length).toBe(8 * 1024 * 1024);
  expect(readings).toBeLessThan(100);
});

test('over TLS what comes meanwhile is read together as well', async () => {
  setDefaultCACertificates([CERTIFICATE]);
  const { promise: allIsSent, resolve: onSent } = Promise.withResolvers<void>();
  const server = createHttpsServer({ key: KEY, cert: CERTIFICATE }, (_, response) => {
    let left = 20;
    const timer = setInterval(() => {
      if (left > 0) response.write('piece ');
      else response.end('end', onSent);
      if (left === 0) clearInterval(timer);
      left -= 1;
    }, 2);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { ask, resting, goOn } = restful();
  const answer = await ask(new URL(`https://localhost:${(server.address() as AddressInfo).port}/`), post);
  const taken: string[] = [];
  const over = answer.read((pieces) => void taken.push(Buffer.concat(pieces).toString()));
  await allIsSent;
  expect(resting).toHaveLength(1);
  goOn();
  await over;
  server.closeAllConnections();
  server.close();
  expect(taken.join('')).toBe(`${'piece '.repeat(20)}end`);
  expect(taken.length).toBeLessThan(5);
});
