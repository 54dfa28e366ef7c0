/**
 * How model calls travel: over Node's own client with kept connections, as a `fetch` for the SDK, and for answers that
 * stream straight from the socket. Web streams and a generator for each event cost more than all the rest of a turn.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import { createUnzip } from 'node:zlib';
import { type Beat, createBeat } from './beat.ts';

export type Transport = {
  readonly fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Asks for an answer that streams. Rejects when there is none, and when it is aborted. */
  post(target: Target, body: string, signal: AbortSignal): Promise<Answer>;
};

export type Target = { readonly url: URL; readonly headers: Readonly<Record<string, string>> };

/** Exactly one of the two has to be called. */
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly type: string;
  /**
   * The `data` of each event, up to `[DONE]` or the end. Rejects when the connection breaks, when the request is
   * aborted, and with what `onData` throws.
   */
  events(onData: (data: string, event: string) => void): Promise<void>;
  text(): Promise<string>;
};

/** Idle connections kept to one host: opening one anew costs more than keeping it. */
const KEPT = 256;
/** Of an answer that is not being read, in bytes: the rest waits in the kernel, where it costs nothing. */
const READ_AHEAD = 1;
const MOST_REDIRECTS = 5;

type Given = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
};

export function createTransport(): Transport {
  const options = {
    keepAlive: true,
    maxFreeSockets: KEPT,
    scheduling: 'lifo',
    highWaterMark: READ_AHEAD,
  } as const;
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) };
  const beat = createBeat();

  function open(url: URL, given: Given): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const isTls = url.protocol === 'https:';
    const { signal } = given;
    const sent = {
      method: given.method,
      headers: { ...given.headers, 'accept-encoding': 'identity' },
      agent: isTls ? agents.https : agents.http,
    };
    const request = isTls ? requestHttps(url, sent, resolve) : requestHttp(url, sent, resolve);
    request.on('error', (error) => {
      // The server had closed a kept connection just then: nothing was heard, so nothing was done.
      const wasStale = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
      if (signal?.aborted === true) reject(signal.reason);
      else if (wasStale) open(url, given).then(resolve, reject);
      else reject(error);
    });
    if (signal !== undefined) {
      // Node's own way of listening to a signal took longer than the rest of the request.
      const stop = (): void => void request.destroy();
      signal.addEventListener('abort', stop, { once: true });
      request.on('close', () => signal.removeEventListener('abort', stop));
      if (signal.aborted) stop();
    }
    request.end(given.body);
    return promise;
  }

  async function post(target: Target, body: string, signal: AbortSignal, redirects = 0): Promise<Answer> {
    const { url, headers } = target;
    const message = await open(url, { method: 'POST', headers, body, signal });
    const status = message.statusCode ?? 0;
    const next = message.headers.location;
    // The two that keep the method and the body.
    if ((status === 307 || status === 308) && next !== undefined && redirects < MOST_REDIRECTS) {
      message.resume();
      return post(redirected(target, new URL(next, url)), body, signal, redirects + 1);
    }
    return {
      status,
      type: message.headers['content-type'] ?? '',
      get headers() {
        return new Headers(headersOf(message));
      },
      events: (onData) => read(message, signal, beat, onData),
      text: async () => (await collect(message)).toString('utf8'),
    };
  }

  return {
    async fetch(input, init = {}) {
      const url = new URL(input instanceof Request ? input.url : input);
      const message = await open(url, {
        method: init.method ?? 'GET',
        headers: plainHeaders(init.headers),
        body: typeof init.body === 'string' ? init.body : undefined,
        signal: init.signal ?? undefined,
      });
      const status = message.statusCode ?? 0;
      if (status >= 300 && status < 400) {
        message.resume();
        return fetch(url, init);
      }
      const body = await collect(message);
      const headers = headersOf(message).filter(([name]) => name !== 'content-encoding');
      return new Response(body.length === 0 ? null : new Uint8Array(body), { status, headers });
    },
    post: (target, body, signal) => post(target, body, signal),
  };
}

/** Another server is not told the key. */
function redirected({ url, headers }: Target, next: URL): Target {
  if (next.origin === url.origin) return { url: next, headers };
  return {
    url: next,
    headers: Object.fromEntries(
      Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
    ),
  };
}

const headersOf = (message: IncomingMessage): [string, string][] =>
  Object.entries(message.headers).map(([name, value]) => [name, String(value)]);

const plainHeaders = (headers: RequestInit['headers']): Record<string, string> =>
  Object.fromEntries(headers instanceof Headers ? headers : new Headers(headers));

async function collect(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const encoding = message.headers['content-encoding'] ?? 'identity';
  // Asked not to compress, some proxies do all the same.
  const plain = encoding === 'identity' ? message : message.pipe(createUnzip());
  for await (const chunk of plain) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function read(
  message: IncomingMessage,
  signal: AbortSignal,
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
  message.on('error', (error) => reject(signal.aborted ? signal.reason : error));
  message.on('close', () => reject(new Error('the connection was closed in mid-answer')));
  return promise.finally(() => beat.end());
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
