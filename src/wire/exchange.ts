/** What is heard after a question: the head of the answer, and what follows, in pieces or as a whole. */
import type { Dispatcher } from 'undici';

/** Of any make that is like Node's own. */
export type Signal = Pick<AbortSignal, 'aborted' | 'addEventListener' | 'removeEventListener'> & {
  readonly reason?: unknown;
};

/** Exactly one of `read` and `bytes` has to be called. */
export type Answer = {
  readonly status: number;
  readonly statusText: string;
  /** By its name in small letters; several of one name with commas between. */
  header(name: string): string | undefined;
  /** With their names in small letters. */
  headers(): [name: string, value: string][];
  /**
   * Calls `take` with what came together. Resolves at the end. Rejects when it breaks off, when it is aborted, and with
   * what `take` throws, which ends it.
   */
  read(take: Take): Promise<void>;
  /** Rejects when it breaks off, and when it is aborted. */
  bytes(): Promise<Buffer>;
  /** Begins the limit of time anew. */
  touch(): void;
};

type Take = (pieces: readonly Buffer[]) => void;

export class TooLate extends Error {
  override readonly name = 'TooLate';

  constructor(limitMs: number) {
    super(`no whole answer came within ${limitMs} ms`);
  }
}

/** What may have come before it is read, in bytes. The rest waits in the kernel. */
const MOST_HELD = 64 * 1024;

type Exchange = {
  readonly answered: Promise<Answer>;
  readonly handler: Dispatcher.DispatchHandler;
  /** Whether the server has begun to answer, also when it never came to the end of the head. */
  isHeard(): boolean;
};

type Options = {
  readonly signal: Signal | undefined;
  /** Until the end of the answer; then it fails. */
  readonly limitMs: number | undefined;
  /** Called once: it has its connection, or wants none any more. */
  readonly onServed: () => void;
};

export function createExchange({ signal, limitMs, onServed }: Options): Exchange {
  const { promise: answered, resolve: answer, reject: refuse } = Promise.withResolvers<Answer>();
  const { promise: over, resolve: finish, reject: breakOff } = Promise.withResolvers<void>();
  // Whoever reads the answer hears of it; one that is not read may break off.
  over.catch(() => {});
  let flow: Dispatcher.DispatchController | undefined;
  let isOver = false;
  let isHeard = false;
  let isServed = false;
  let pieces: Buffer[] = [];
  let held = 0;
  let most = MOST_HELD;
  let take: Take | undefined;
  let isComing = false;

  function hand(): void {
    isComing = false;
    if (take === undefined || pieces.length === 0) return;
    const taken = pieces;
    pieces = [];
    held = 0;
    try {
      take(taken);
    } catch (error) {
      fail(error);
    }
  }

  function handAndGoOn(): void {
    hand();
    if (!isOver) flow?.resume();
  }

  function arrive(): void {
    if (take === undefined || isComing || pieces.length === 0) return;
    isComing = true;
    setImmediate(handAndGoOn);
  }

  function serve(): void {
    if (isServed) return;
    isServed = true;
    onServed();
  }

  function close(): void {
    isOver = true;
    serve();
    clearTimeout(limit);
    signal?.removeEventListener('abort', stop);
  }

  function fail(error: unknown): void {
    if (isOver) return;
    close();
    refuse(error);
    breakOff(error);
    // Without an effect where the connection itself has failed.
    flow?.abort(new Error('the answer is not wanted any more'));
  }

  function end(reason: unknown): void {
    pieces = [];
    fail(reason);
  }
  const stop = (): void => end(signal?.reason ?? new Error('the call was aborted'));
  // A signal with a time limit makes an error at the end of it, with its stack, also long after the answer has come.
  const limit = limitMs === undefined ? undefined : setTimeout(() => end(new TooLate(limitMs)), limitMs);
  if (signal?.aborted === true) stop();
  else signal?.addEventListener('abort', stop);

  async function read(by: Take): Promise<void> {
    if (!isOver) {
      take = by;
      arrive();
    } else if (pieces.length > 0) by(pieces);
    return over;
  }

  async function bytes(): Promise<Buffer> {
    most = Number.POSITIVE_INFINITY;
    if (!isOver) flow?.resume();
    await over;
    const [first = Buffer.alloc(0)] = pieces;
    return pieces.length > 1 ? Buffer.concat(pieces) : first;
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(controller) {
      flow = controller;
      serve();
      // It was aborted while it waited for its connection.
      if (isOver) controller.abort(new Error('the call was aborted'));
    },
    onResponseStarted() {
      isHeard = true;
    },
    onResponseStart(_, status, headers, statusText = '') {
      // Others only announce the answer.
      if (status < 200) return;
      answer({
        status,
        statusText,
        header: (name) => textOf(headers[name]),
        headers: () => Object.entries(headers).map(([name, value]) => [name, textOf(value) ?? '']),
        read,
        bytes,
        touch() {
          if (!isOver) limit?.refresh();
        },
      });
    },
    onResponseData(controller, piece) {
      if (isOver) return;
      pieces.push(piece);
      held += piece.length;
      if (held > most) controller.pause();
      arrive();
    },
    onResponseEnd() {
      hand();
      if (isOver) return;
      close();
      finish();
    },
    onResponseError(_, error) {
      hand();
      fail(error);
    },
  };
  return { answered, handler, isHeard: () => isHeard };
}

const textOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(', ') : value;
