/**
 * Calls to models and platforms over kept connections. undici hands on what comes from the socket without a stream or
 * a promise in between, which together took longer than the rest of a call.
 */
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Agent } from 'undici';
import { type Answer, createExchange, type Signal } from './exchange.ts';

export type Question = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Readable | undefined;
  readonly signal?: Signal | undefined;
  /** Until the end of the answer, milliseconds, unless it is begun anew. Then it fails with `TooLate`. */
  readonly limitMs?: number | undefined;
  /** Whether it is sent anew when a kept connection turns out to be closed, and nothing was heard. Not for streams. */
  readonly isRepeatable?: boolean;
};

/**
 * Resolves with the head of the answer. Rejects when there is none, and with the signal's reason when it is aborted.
 * Follows no redirects.
 */
export type Ask = (url: URL, question: Question) => Promise<Answer>;

/** An idle connection is opened anew after this: until then the other side decides. */
const KEPT_MS = 300_000;
/** Nobody waits for a connection any more that takes longer. */
const CONNECT_MS = 60_000;
/**
 * Of what `net.connect` takes: the socket reads nothing before it is asked for more. It holds for writing as well, and
 * means nothing there to bodies that are whole.
 */
const NOTHING_AHEAD = { highWaterMark: 1 };
/** Bytes. When so many have come at once there may be more already. */
const MUCH = 8 * 1024;

/** Has to call `goOn` once, for more. */
export type Rest = (goOn: () => void) => void;

/** @param rest when to read on after something came; what comes until then waits in the kernel. Left out, at once. */
export function createWire(rest?: Rest): Ask {
  /** Errors of connections that had been used before. */
  const late = new WeakSet<Error>();
  /** Calls without a connection, and connections that are not there yet. */
  let waiting = 0;
  const opening = new Set<Socket>();
  let agent: Promise<Agent> | undefined;

  /** Loaded with the first call: an installation without a model and platforms never makes one. */
  async function open(): Promise<Agent> {
    const { Agent, buildConnector } = await import('undici');
    const given = { allowH2: false, timeout: CONNECT_MS };
    const connect = buildConnector(rest === undefined ? given : { ...given, ...NOTHING_AHEAD });
    return new Agent({
      allowH2: false,
      connect(options, done) {
        const begun: unknown = connect(options, (...[error, socket]) => {
          if (begun instanceof Socket) opening.delete(begun);
          if (error !== null) return done(error, null);
          socket.on('error', (broken) => void (socket.bytesRead > 0 && late.add(broken)));
          if (rest !== undefined) restBetween(socket, rest);
          done(null, socket);
        });
        if (begun instanceof Socket) opening.add(begun);
      },
      keepAliveTimeout: KEPT_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** The server had closed a kept connection just then: nothing was heard, so nothing was done. */
  function isStale(error: unknown): boolean {
    if (!(error instanceof Error) || !('code' in error)) return false;
    if (error.code !== 'UND_ERR_SOCKET')
      return late.has(error) && /^(ECONNRESET|EPIPE)$/.test(String(error.code));
    const socket: unknown = 'socket' in error ? error.socket : undefined;
    return (
      typeof socket === 'object' && socket !== null && 'bytesRead' in socket && Number(socket.bytesRead) > 0
    );
  }

  /** A connection that nobody waits for would keep the process until it is there, or given up. */
  function onServed(): void {
    waiting -= 1;
    if (waiting > 0) return;
    for (const socket of opening) socket.destroy(new Error('nobody waits for the connection any more'));
  }

  async function ask(url: URL, question: Question): Promise<Answer> {
    agent ??= open();
    const opened = await agent;
    const { method, headers, body, signal, limitMs } = question;
    waiting += 1;
    const { answered, handler, isHeard } = createExchange({ signal, limitMs, onServed });
    if (signal?.aborted !== true)
      opened.dispatch(
        { origin: url.origin, path: url.pathname + url.search, method, headers, body: body ?? null },
        handler,
      );
    if (question.isRepeatable !== true) return answered;
    return answered.catch((error: unknown) => {
      if (signal?.aborted === true || isHeard() || !isStale(error)) throw error;
      return ask(url, question);
    });
  }

  return ask;
}

/** Each reading costs much the same, however much has come: with many answers at once, few readings cost less. */
function restBetween(socket: Socket, rest: Rest): void {
  const { _read: read, unref } = socket;
  let rests = 0;
  let isResting = false;
  /** Since it last read on. */
  let came = 0;
  let before = socket.bytesRead;

  function goOn(size: number): void {
    isResting = false;
    came = 0;
    if (!socket.destroyed) read.call(socket, size);
  }

  socket._read = (size) => {
    came += socket.bytesRead - before;
    before = socket.bytesRead;
    if (came === 0 || came >= MUCH) return goOn(size);
    // One reading can bring several records of TLS, and each asks for more.
    if (isResting) return;
    isResting = true;
    rests += 1;
    const mine = rests;
    rest(() => {
      if (isResting && mine === rests) goOn(size);
    });
  };
  // undici does so when the answer is over. What comes then was not asked for, or says that the server has left: that
  // has to be known before the next question goes out.
  socket.unref = () => {
    if (isResting) goOn(1);
    return unref.call(socket);
  };
}
