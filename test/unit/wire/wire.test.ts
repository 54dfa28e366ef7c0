/** Calls over kept connections: what is heard, how a call ends, and when it is made once more. */
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Answer } from '../../../src/wire/exchange.ts';
import { createWire } from '../../../src/wire/wire.ts';
import { serve, serveRaw } from './servers.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const post = { method: 'POST', headers: {}, body: 'question' };
const textOf = async (answer: Answer) => (await answer.bytes()).toString();
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('an answer comes with its head, and its connection serves the next call', async () => {
  const { url, connections } = await serve((request, response) => {
    response.writeHead(201, 'Made', { 'x-two': ['a', 'b'] }).end(`${request.method} ${request.url}`);
  });
  const ask = createWire();
  for (let call = 0; call < 3; call++) {
    const answer = await ask(url, post);
    expect([answer.status, answer.statusText, answer.header('x-two')]).toEqual([201, 'Made', 'a, b']);
    expect(answer.headers()).toContainEqual(['x-two', 'a, b']);
    expect(await textOf(answer)).toBe('POST /x?y=1');
    await turn();
  }
  expect(connections()).toBe(1);
});

test('calls that come first together share their connections with those that follow', async () => {
  const { url, connections } = await serve((_, response) => void response.end());
  const ask = createWire();
  const both = () => Promise.all([0, 1].map(async () => textOf(await ask(url, post))));
  await both();
  await turn();
  await both();
  expect(connections()).toBe(2);
});

test('what only announces an answer is not taken for one', async () => {
  const url = await serveRaw((socket) => socket.write(`HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${OK}`));
  const answer = await createWire()(url, post);
  expect([answer.status, await textOf(answer)]).toEqual([200, 'ok']);
});

describe('a kept connection that turns out to be closed', () => {
  const closed = (how: (socket: Socket) => void) =>
    serveRaw((socket, question) => (question === 1 ? how(socket) : socket.write(OK)));

  test.each([
    ['closed', (socket: Socket) => void socket.destroy()],
    ['reset', (socket: Socket) => void socket.resetAndDestroy()],
  ])('is replaced when it was %s before anything was heard', async (_, how) => {
    const url = await closed(how);
    const ask = createWire();
    expect(await textOf(await ask(url, { ...post, isRepeatable: true }))).toBe('ok');
    await turn();
    expect(await textOf(await ask(url, { ...post, isRepeatable: true }))).toBe('ok');
  });

  test('F15: is an error where the call may not be made twice', async () => {
    const url = await closed((socket) => void socket.destroy());
    const ask = createWire();
    await textOf(await ask(url, post));
    await turn();
    await expect(ask(url, post)).rejects.toThrow();
  });

  test('is not what a new connection is that breaks: that is told', async () => {
    for (const how of ['destroy', 'resetAndDestroy'] as const) {
      let heard = 0;
      const url = await serveRaw((socket) => {
        heard += 1;
        socket[how]();
      });
      await expect(createWire()(url, { ...post, isRepeatable: true })).rejects.toThrow();
      expect(heard).toBe(1);
    }
  });

  test('is not what breaks while its answer begins: the question was heard', async () => {
    let heard = 0;
    const url = await serveRaw((socket) => {
      heard += 1;
      if (heard > 5) socket.end(OK);
      else socket.end('HTTP/1.1 200 OK\r\nconte');
    });
    await expect(createWire()(url, { ...post, isRepeatable: true })).rejects.toThrow();
    expect(heard).toBe(1);
  });
});

describe('an abort', () => {
  const reason = new Error('that is enough');

  test('ends a call before it is sent, while it waits, and in the middle of its answer', async () => {
    let asked = 0;
    let left = 0;
    const { url } = await serve((_, response) => {
      asked += 1;
      response.on('close', () => {
        left += 1;
      });
      if (asked === 2) response.writeHead(200).write('half');
    });
    const ask = createWire();
    await expect(ask(url, { ...post, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(asked).toBe(0);

    const waiting = new AbortController();
    const answered = ask(url, { ...post, signal: waiting.signal });
    while (asked === 0) await turn();
    waiting.abort(reason);
    await expect(answered).rejects.toBe(reason);

    const reading = new AbortController();
    const answer = await ask(url, { ...post, signal: reading.signal });
    const read = answer.bytes();
    reading.abort(reason);
    await expect(read).rejects.toBe(reason);
    while (left < 2) await turn();
  });

  test('of a call that waits for its connection is heard at once, and nothing is sent', async () => {
    let questions = 0;
    const url = await serveRaw(() => {
      questions += 1;
    });
    const ask = createWire();
    // Loads what the first call needs.
    await expect(ask(url, { ...post, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const answered = ask(url, { ...post, signal: abort.signal });
    abort.abort(reason);
    await expect(answered).rejects.toBe(reason);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(questions).toBe(0);
  });
});

test('a connection that nobody waits for any more is given up before it is there', async () => {
  let opened = 0;
  let left = 0;
  const server = createTcpServer((socket) => {
    opened += 1;
    socket
      .on('error', () => {})
      .on('close', () => {
        left += 1;
      });
    // It says nothing: who asks goes on waiting for its part of TLS.
    socket.resume();
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const ask = createWire();
  const aborts = [new AbortController(), new AbortController()];
  const answers = aborts.map(({ signal }) => ask(url, { ...post, signal }).catch(() => 'ended'));
  await expect.poll(() => opened).toBe(2);
  aborts[0]?.abort();
  for (let turns = 0; turns < 20; turns++) await turn();
  expect(left).toBe(0);
  aborts[1]?.abort();
  await expect.poll(() => left).toBe(2);
  expect(await Promise.all(answers)).toEqual(['ended', 'ended']);
});

describe('reading', () => {
  test('hands on together what came together, in order, and what is left at the end', async () => {
    const { url } = await serve((_, response) => {
      response.write('a');
      response.write('b');
      response.end('c');
    });
    const taken: string[] = [];
    const answer = await createWire()(url, post);
    await answer.read((pieces) => void taken.push(Buffer.concat(pieces).toString()));
    expect(taken).toEqual(['abc']);
  });

  test('what came before the connection broke is handed on before the error', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => setImmediate(() => response.destroy()));
    });
    const taken: string[] = [];
    const answer = await createWire()(url, post);
    await expect(answer.read((pieces) => void taken.push(String(pieces[0])))).rejects.toThrow();
    expect(taken).toEqual(['half']);
  });

  test('what the reader throws ends the connection', async () => {
    let isLeft = false;
    const { url } = await serve((_, response) => {
      response.on('close', () => {
        isLeft = true;
      });
      response.write('first');
    });
    const answer = await createWire()(url, post);
    const failing = answer.read(() => {
      throw new Error('not what was asked');
    });
    await expect(failing).rejects.toThrow('not what was asked');
    while (!isLeft) await turn();
  });

  test('of an answer that nobody reads, most stays with the server', async () => {
    let sent = 0;
    const piece = Buffer.alloc(64 * 1024);
    const { url } = await serve((_, response) => {
      const more = (): void => {
        for (let open = true; open && sent < 64 * 1024 * 1024; sent += piece.length)
          open = response.write(piece);
        if (sent >= 64 * 1024 * 1024) response.end();
      };
      response.on('drain', more);
      more();
    });
    const answer = await createWire()(url, post);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    let size = 0;
    await answer.read((pieces) => {
      for (const one of pieces) size += one.length;
    });
    expect(size).toBe(sent);
  });
});
