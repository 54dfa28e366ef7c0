/** Connections that rest after each reading: what comes meanwhile, the ends of answers and connections, TLS. */
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { createWire } from '../../../src/wire/wire.ts';
import { serve, serveRaw } from './servers.ts';

/** Of `localhost`, signed by itself, for nothing but this test. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7Gx91jHQCKEilC25
e1/n5qIDTFxr/raChPC9Ybv1HLGhRANCAAT1m7sGTDOploTFldeVw44toNxpwLeu
YBIz4y0ecFBfQSKl82iN8/NVGz4KMNfQdmdbP7/1Hg1FD71kcMEj+VB/
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBYTCCAQegAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPWbuwZMM6mWhMWV
15XDji2g3GnAt65gEjPjLR5wUF9BIqXzaI3z81UbPgow19B2Z1s/v/UeDUUPvWRw
wSP5UH+jSDBGMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAPBgNVHRMBAf8EBTADAQH/
MB0GA1UdDgQWBBTKmaKbc68k/C/EqT4xWY+/VZtgJzAKBggqhkjOPQQDAgNIADBF
AiEArJvECxkGA+VvU+Qu1UO674TeCNLtPPbOW5/RQNMPRvACICM4p9s6uZ0W6uH6
Ged8G1IXRND1V7zjAWSpy177JEO5
-----END CERTIFICATE-----`;

/** Its records are small, as those of many servers are. */
async function serveTls(answer: RequestListener): Promise<{ url: URL }> {
  const trusted = getCACertificates('default');
  setDefaultCACertificates([CERTIFICATE]);
  const server = createServer({ key: KEY, cert: CERTIFICATE }, answer);
  server.on('secureConnection', (socket) => void socket.setMaxSendFragment(2 * 1024));
  onTestFinished(() => {
    setDefaultCACertificates(trusted);
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: new URL(`https://localhost:${(server.address() as AddressInfo).port}/`) };
}

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

test.each([
  ['that was closed', (first: Socket) => void first.end()],
  ['over which more came than was asked for', (first: Socket) => void first.write(`${HEAD}wrong!`)],
])('the rest ends with the answer: a connection %s is not used again', async (_, happen) => {
  const { ask, url, sockets, say, over, goOn } = await served();
  await say('cdef');
  goOn();
  await over;
  for (const socket of sockets) happen(socket);
  await wait();
  const asked = ask(url, post);
  await expect.poll(() => sockets.length).toBe(2);
  expect(sockets[1]).not.toBe(sockets[0]);
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

const LONG = 8 * 1024 * 1024;
const long: RequestListener = (_, response) => void response.end(Buffer.alloc(LONG));

test.each([
  ['', serve],
  [' over TLS', serveTls],
])('a long answer%s is not kept waiting for its rests', async (_, served) => {
  const { url } = await served(long);
  const { ask, resting, goOn } = restful();
  const answer = await ask(url, post);
  let size = 0;
  let before = 0;
  let stops = 0;
  const timer = setInterval(() => {
    if (size === before && resting.length > 0) {
      stops += 1;
      goOn();
    }
    before = size;
  }, 20);
  await answer.read((pieces) => {
    for (const piece of pieces) size += piece.length;
  });
  clearInterval(timer);
  expect(size).toBe(LONG);
  // Readings in which little came, as at its end: of more than a hundred.
  expect(stops).toBeLessThan(40);
});

test('over TLS what comes meanwhile is read together as well', async () => {
  const { promise: allIsSent, resolve: onSent } = Promise.withResolvers<void>();
  const { url } = await serveTls((_, response) => {
    let left = 20;
    const timer = setInterval(() => {
      if (left > 0) response.write('piece ');
      else response.end('end', onSent);
      if (left === 0) clearInterval(timer);
      left -= 1;
    }, 2);
  });
  const { ask, resting, goOn } = restful();
  const answer = await ask(url, post);
  const taken: string[] = [];
  const over = answer.read((pieces) => void taken.push(Buffer.concat(pieces).toString()));
  await allIsSent;
  expect(resting).toHaveLength(1);
  goOn();
  await over;
  expect(taken.join('')).toBe(`${'piece '.repeat(20)}end`);
  expect(taken.length).toBeLessThan(5);
});
