/**
 * How model calls travel: over kept connections (`wire`), as a `fetch` for the SDK, and for answers that stream straight
 * from the socket. Web streams and a generator for each event cost more than all the rest of a turn.
 */
import { StringDecoder } from 'node:string_decoder';
import { promisify } from 'node:util';
import { unzip } from 'node:zlib';
import { TooLate, type Answer as WireAnswer } from '../../wire/exchange.ts';
import { type Ask, createWire } from '../../wire/wire.ts';
import { createPacing, type Pacing } from './pacing.ts';

export type Transport = {
  readonly fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Asks for an answer that streams. Rejects when there is none, and when it is aborted. */
  post(target: Target, body: Buffer, signal: AbortSignal): Promise<Answer>;
};

export type Target = { readonly url: URL; readonly headers: Readonly<Record<string, string>> };

export type Events = {
  onData(data: string, event: string): void;
  /** Where an event begins: may take some whole ones itself, and says where the first begins that it did not take. */
  takeSome(stream: string, from: number): number;
  /** Those that came together have been told, also when `onData` threw. */
  onRest(): void;
};

/** Exactly one of the two has to be called. */
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly type: string;
  /** Each event, up to `[DONE]` or the end. Rejects when the connection breaks, on an abort, and with what `events` throws. */
  events(events: Events): Promise<void>;
  text(): Promise<string>;
  /** Begins the limit of time anew. */
  touch(): void;
};

const MOST_REDIRECTS = 5;

/** @param limitMs from a question to the end of its answer, which fails then with `TooLate` */
export function createTransport(limitMs: number): Transport {
  const pacing = createPacing();
  // The server had closed a kept connection just then: nothing was heard, so nothing was done.
  const over =
    (wire: Ask): Ask =>
    (url, { headers, ...question }) =>
      wire(url, {
        ...question,
        headers: { ...headers, 'accept-encoding': 'identity' },
        isRepeatable: true,
        limitMs,
      });
  const ask = over(createWire());
  const askPatiently = over(createWire(pacing.rest));

  async function post(target: Target, body: Buffer, signal: AbortSignal, redirects = 0): Promise<Answer> {
    const { url, headers } = target;
    const answer = await askPatiently(url, { method: 'POST', headers, body, signal });
    const { status } = answer;
    const next = answer.header('location');
    // The two that keep the method and the body.
    if ((status === 307 || status === 308) && next !== undefined && redirects < MOST_REDIRECTS) {
      drop(answer);
      return post(redirected(target, new URL(next, url)), body, signal, redirects + 1);
    }
    return {
      status,
      type: answer.header('content-type') ?? '',
      get headers() {
        return new Headers(answer.headers());
      },
      events: (events) => read(answer, pacing, events),
      text: async () => (await collect(answer)).toString('utf8'),
      touch: answer.touch,
    };
  }

  return {
    async fetch(input, init = {}) {
      const url = new URL(input instanceof Request ? input.url : input);
      const answer = await ask(url, {
        method: init.method ?? 'GET',
        headers: plainHeaders(init.headers),
        body: typeof init.body === 'string' ? init.body : undefined,
        signal: init.signal ?? undefined,
      });
      const { status } = answer;
      if (status >= 300 && status < 400) {
        drop(answer);
        const limit = AbortSignal.timeout(limitMs);
        const signal = AbortSignal.any([limit, ...(init.signal ? [init.signal] : [])]);
        return fetch(url, { ...init, signal }).catch((error: unknown) => {
          throw limit.aborted ? new TooLate(limitMs) : error;
        });
      }
      const body = await collect(answer);
      const headers = answer.headers().filter(([name]) => name !== 'content-encoding');
      return new Response(body.length === 0 ? null : new Uint8Array(body), { status, headers });
    },
    post: (target, body, signal) => post(target, body, signal),
  };
}

/** Read all the same, so that its connection can be used again. */
const drop = (answer: WireAnswer): void => void answer.bytes().catch(() => {});

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

const plainHeaders = (headers: RequestInit['headers']): Record<string, string> =>
  Object.fromEntries(headers instanceof Headers ? headers : new Headers(headers));

async function collect(answer: WireAnswer): Promise<Buffer> {
  const bytes = await answer.bytes();
  // Asked not to compress, some proxies do all the same.
  return (answer.header('content-encoding') ?? 'identity') === 'identity' ? bytes : promisify(unzip)(bytes);
}

function read(answer: WireAnswer, pacing: Pacing, events: Events): Promise<void> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const decode = createDecoder();
  const parse = createEventParser(events);
  pacing.begin();
  const over = answer.read((pieces) => {
    const text = decode(gathered(pieces));
    try {
      // What follows the last event is read to its end, so that the connection can be used again.
      if (parse(text)) resolve();
    } finally {
      events.onRest();
    }
  });
  return Promise.race([done, over]).finally(() => pacing.end());
}

const table = Buffer.allocUnsafeSlow(64 * 1024);

/** What came together, until the next is gathered: a buffer for each time took longer than what is done with it. */
function gathered(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first;
  let length = 0;
  for (const piece of pieces) {
    if (length + piece.length > table.length) return Buffer.concat(pieces);
    table.set(piece, length);
    length += piece.length;
  }
  return table.subarray(0, length);
}

/** Of UTF-8 that comes in pieces, which nearly always end with a character. */
function createDecoder(): (bytes: Buffer) => string {
  let decoder: StringDecoder | undefined;
  return (bytes) => {
    if (decoder === undefined && (bytes.at(-1) ?? 0) < 0x80) return bytes.toString('utf8');
    decoder ??= new StringDecoder('utf8');
    return decoder.write(bytes);
  };
}

/** Of the line that is nearly every event. */
export const BEGIN = 'data: ';

/** Takes text as it comes; true once `[DONE]` was among it, and deaf from then on. */
export function createEventParser({
  onData,
  takeSome,
}: Pick<Events, 'onData' | 'takeSome'>): (text: string) => boolean {
  let rest = '';
  let data: string | undefined;
  let event = '';
  let isDone = false;

  function hand(value: string): void {
    if (value === '[DONE]') isDone = true;
    else onData(value, event);
  }

  function line(text: string): void {
    if (text === '') {
      if (data !== undefined) hand(data);
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

  /** Nearly every event is one line of data and an empty one. */
  const isWhole = (from: number, end: number): boolean =>
    rest[end + 1] === '\n' && rest[end - 1] !== '\r' && rest.startsWith(BEGIN, from);

  return (text) => {
    rest += text;
    let from = 0;
    while (!isDone) {
      const isBegin = data === undefined && event === '';
      if (isBegin) from = takeSome(rest, from);
      const end = rest.indexOf('\n', from);
      if (end === -1) break;
      if (isBegin && isWhole(from, end)) {
        hand(rest.slice(from + BEGIN.length, end));
        from = end + 2;
        continue;
      }
      line(rest.slice(from, rest[end - 1] === '\r' && end > from ? end - 1 : end));
      from = end + 1;
    }
    rest = isDone ? '' : rest.slice(from);
    return isDone;
  };
}
