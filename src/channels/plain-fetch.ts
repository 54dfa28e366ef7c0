/**
 * A `fetch` for the SDKs of the platforms over Node's own client: the global one, and the one that grammY brings along,
 * take longer than all the rest of a call. What is not a plain POST is left to the global one.
 */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';

/** What is read of the answer of a `fetch`. */
export type PlainResponse = Pick<
  Response,
  'ok' | 'status' | 'statusText' | 'url' | 'text' | 'json' | 'arrayBuffer'
> & { readonly headers: PlainHeaders };

export type PlainHeaders = {
  /** Null when there is none of that name. */
  get(name: string): string | null;
  entries(): IterableIterator<[string, string]>;
};

export type PlainRequest = {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
  /** Of any make that is like Node's own. */
  readonly signal?:
    | Pick<AbortSignal, 'aborted' | 'addEventListener' | 'removeEventListener'>
    | null
    | undefined;
};

/** Follows no redirects: the answer is one of the server that was asked. Rejects when there is none, or no whole one. */
export type PlainFetch = (url: string | URL, request?: PlainRequest) => Promise<PlainResponse>;

export function createPlainFetch(): PlainFetch {
  const agents = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) };

  function ask(url: string, { headers, body, signal }: PlainRequest): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const given = { method: 'POST', headers: { ...headers } };
    const request = url.startsWith('https:')
      ? requestHttps(url, { ...given, agent: agents.https }, resolve)
      : requestHttp(url, { ...given, agent: agents.http }, resolve);
    const stop = (): void => void request.destroy(new Error('the call was aborted'));
    request.on('error', reject);
    request.on('close', () => signal?.removeEventListener('abort', stop));
    signal?.addEventListener('abort', stop);
    if (signal?.aborted === true) stop();
    else if (body instanceof Readable) body.on('error', stop).pipe(request);
    else request.end(body);
    return promise;
  }

  return async (url, request = {}) => {
    const { method, body } = request;
    if (method !== 'POST' || !(typeof body === 'string' || body instanceof Readable))
      return fetch(url, request as RequestInit);
    const address = String(url);
    return toResponse(address, await ask(address, request));
  };
}

function toResponse(url: string, message: IncomingMessage): PlainResponse {
  const status = message.statusCode ?? 0;
  const bytes = bytesOf(message);
  // Read in any case, so that the connection can be used again; whether anybody asks for it is another matter.
  bytes.catch(() => {});
  return {
    url,
    status,
    ok: status >= 200 && status < 300,
    statusText: message.statusMessage ?? '',
    headers: toHeaders(message.headers),
    text: async () => (await bytes).toString('utf8'),
    json: async () => JSON.parse((await bytes).toString('utf8')),
    arrayBuffer: async () => new Uint8Array(await bytes).buffer,
  };
}

/** `Headers` itself would load all of Node's own `fetch`, at the first answer of each start. */
function toHeaders(headers: IncomingMessage['headers']): PlainHeaders {
  const get = (name: string): string | null => {
    const value = headers[name.toLowerCase()];
    return value === undefined ? null : String(value);
  };
  return {
    get,
    *entries() {
      for (const name of Object.keys(headers)) yield [name, get(name) ?? ''];
    },
  };
}

function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  message.on('data', (chunk: Buffer) => void chunks.push(chunk));
  message.on('end', () => {
    const [first = Buffer.alloc(0)] = chunks;
    resolve(chunks.length > 1 ? Buffer.concat(chunks) : first);
  });
  message.on('error', reject);
  message.on('close', () => reject(new Error('the answer broke off')));
  return promise;
}
