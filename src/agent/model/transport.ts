/**
 * How model calls travel: a `fetch` over Node's own client with kept connections, for the SDK, and the events of a
 * streamed answer read straight from the socket. Web streams and a generator for each event cost more than all the
 * rest of a turn.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import { createUnzip } from 'node:zlib';
import { AppError } from '../../domain/errors.ts';
import { type Beat, createBeat } from './beat.ts';

export type Transport = {
  readonly fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /**
   * The `data` of each event of an answer that `fetch` gave, up to `[DONE]` or the end. Rejects when the connection
   * breaks, when the request is aborted, and with what `onData` throws.
   */
  readEvents(response: Response, onData: (data: string, event: string) => void): Promise<void>;
};

/** Idle connections kept to one host; a burst opens more and lets them go. */
const KEPT = 64;
/** Of an answer that is not being read, in bytes: the rest waits in the kernel, where it costs nothing. */
const READ_AHEAD = 1;

type Streamed = { readonly message: IncomingMessage; readonly signal: AbortSignal | undefined };

export function createTransport(): Transport {
  const options = {
    keepAlive: true,
    maxFreeSockets: KEPT,
    scheduling: 'lifo',
    highWaterMark: READ_AHEAD,
  } as const;
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) };
  const streamed = new WeakMap<Response, Streamed>();
  const beat = createBeat();

  function open(url: URL, init: RequestInit): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const isTls = url.protocol === 'https:';
    const signal = init.signal ?? undefined;
    const given = {
      method: init.method ?? 'GET',
      headers: { ...plainHeaders(init.headers), 'accept-encoding': 'identity' },
      agent: isTls ? agents.https : agents.http,
      ...(signal === undefined ? {} : { signal }),
    };
    const request = isTls ? requestHttps(url, given, resolve) : requestHttp(url, given, resolve);
    request.on('error', (error) => {
      // The server had closed a kept connection just then: nothing was heard, so nothing was done.
      const wasStale = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
      if (wasStale && signal?.aborted !== true) open(url, init).then(resolve, reject);
      else reject(error);
    });
    request.end(typeof init.body === 'string' ? init.body : undefined);
    return promise;
  }

  return {
    async fetch(input, init = {}) {
      const url = new URL(input instanceof Request ? input.url : input);
      const message = await open(url, init);
      const status = message.statusCode ?? 0;
      if (status >= 300 && status < 400) {
        message.resume();
        return fetch(url, init);
      }
      const { 'content-encoding': encoding, ...others } = message.headers;
      const headers = Object.entries(others).map(([name, value]): [string, string] => [name, String(value)]);
      const isStream = status === 200 && (others['content-type'] ?? '').includes('text/event-stream');
      if (isStream) {
        const response = new Response(null, { status, headers });
        streamed.set(response, { message, signal: init.signal ?? undefined });
        return response;
      }
      const body = await collect(message, encoding ?? null);
      return new Response(body.length === 0 ? null : new Uint8Array(body), { status, headers });
    },

    async readEvents(response, onData) {
      const found = streamed.get(response);
      if (found === undefined) throw new AppError('model.invalid_response', 'the answer is not a stream');
      await read(found, beat, onData);
    },
  };
}

const plainHeaders = (headers: RequestInit['headers']): Record<string, string> =>
  Object.fromEntries(headers instanceof Headers ? headers : new Headers(headers));

async function collect(message: IncomingMessage, encoding: string | null): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // Asked not to compress, some proxies do all the same.
  const plain = encoding === null || encoding === 'identity' ? message : message.pipe(createUnzip());
  for await (const chunk of plain) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function read(
  { message, signal }: Streamed,
  beat: Beat,
  onData: (data: string, event: string) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const decoder = new StringDecoder('utf8');
  const parse = createEventParser(onData);
  const fail = (error: unknown): void => {
    reject(error);
    message.destroy();
  };
  const onAbort = (): void => fail(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  beat.begin();
  message.on('data', (chunk: Buffer) => {
    beat.rest(message);
    try {
      // What follows the last event is read to its end, so that the connection can be used again.
      if (parse(decoder.write(chunk))) resolve();
    } catch (error) {
      fail(error);
    }
  });
  message.on('end', resolve);
  message.on('error', reject);
  message.on('close', () => reject(new Error('the connection was closed in mid-answer')));
  return promise.finally(() => {
    beat.end();
    signal?.removeEventListener('abort', onAbort);
  });
}

/** Takes text as it comes; true once `[DONE]` was among it, and deaf from then on. */
export function createEventParser(onData: (data: string, event: string) => void): (text: string) => boolean {
  let rest = '';
  let data: string | undefined;
  let event = '';
  let isDone = false;

  function line(text: string): void {
    if (text === '') {
      if (data === '[DONE]') isDone = true;
      else if (data !== undefined) onData(data, event);
      data = undefined;
      event = '';
      return;
    }
    const colon = text.indexOf(':');
    const name = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') data = data === undefined ? value : `${data}\n${value}`;
    else if (name === 'event') event = value;
  }

  return (text) => {
    rest += text;
    let from = 0;
    while (!isDone) {
      const end = rest.indexOf('\n', from);
      if (end === -1) break;
      line(rest.slice(from, rest[end - 1] === '\r' && end > from ? end - 1 : end));
      from = end + 1;
    }
    rest = isDone ? '' : rest.slice(from);
    return isDone;
  };
}
