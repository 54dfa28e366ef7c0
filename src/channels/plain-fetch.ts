/**
 * A `fetch` for the SDKs of the platforms: the global one, and the one that grammY brings along, take longer than all
 * the rest of a call. What asks for something, and what is a form, is left to the global one.
 */
import { Readable } from 'node:stream';
import type { Answer, Signal } from '../wire/exchange.ts';
import { createWire } from '../wire/wire.ts';

/** What is read of the answer of a `fetch`. */
export type PlainResponse = Pick<
  Response,
  'ok' | 'status' | 'statusText' | 'url' | 'text' | 'json' | 'arrayBuffer'
> & { readonly headers: PlainHeaders };

export type PlainHeaders = {
  /** Null when there is none of that name. */
  get(name: string): string | null;
  has(name: string): boolean;
  entries(): IterableIterator<[string, string]>;
};

export type PlainRequest = {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: unknown;
  readonly signal?: Signal | null | undefined;
};

/** Follows no redirects: the answer is one of the server that was asked. Rejects when there is none, or no whole one. */
export type PlainFetch = (url: string | URL, request?: PlainRequest) => Promise<PlainResponse>;

const TELLING = new Set(['POST', 'PATCH', 'PUT']);

/** @param limitMs for a whole call, which fails then; what is left to the global fetch has it unless it has a signal */
export function createPlainFetch(limitMs?: number): PlainFetch {
  const ask = createWire();
  return async (url, request = {}) => {
    const { method, headers = {}, body, signal } = request;
    if (
      method === undefined ||
      !TELLING.has(method) ||
      !(typeof body === 'string' || body instanceof Readable)
    )
      return fetch(url, {
        ...(request as RequestInit),
        ...(limitMs === undefined || signal ? {} : { signal: AbortSignal.timeout(limitMs) }),
      });
    const address = new URL(url);
    return toResponse(
      String(url),
      await ask(address, { method, headers, body, signal: signal ?? undefined, limitMs }),
    );
  };
}

function toResponse(url: string, answer: Answer): PlainResponse {
  // Read in any case, so that the connection can be used again; whether anybody asks for it is another matter.
  const bytes = answer.bytes();
  bytes.catch(() => {});
  return {
    url,
    status: answer.status,
    ok: answer.status >= 200 && answer.status < 300,
    statusText: answer.statusText,
    headers: toHeaders(answer),
    text: async () => (await bytes).toString('utf8'),
    json: async () => JSON.parse((await bytes).toString('utf8')),
    arrayBuffer: async () => new Uint8Array(await bytes).buffer,
  };
}

/** `Headers` itself would load all of Node's own `fetch`, at the first answer of each start. */
const toHeaders = (answer: Answer): PlainHeaders => ({
  get: (name) => answer.header(name.toLowerCase()) ?? null,
  has: (name) => answer.header(name.toLowerCase()) !== undefined,
  *entries() {
    yield* answer.headers();
  },
});
