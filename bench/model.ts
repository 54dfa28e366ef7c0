/**
 * A model endpoint on loopback that costs as little as possible: an answer in 40 pieces, either at once or one each
 * 2.5 ms, all streams driven by one timer. The answer ends with the mark of the question, so that a reply is known.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type BenchModel = {
  readonly url: string;
  /** Whether an answer comes at once or piece by piece. */
  pace: 'instant' | 'streaming';
  /** Calls that came, and the size of the first. */
  calls(): number;
  firstPromptBytes(): number;
  /** Answers nothing from now on: for turns that are to stay in flight. */
  hold: boolean;
  /** The moment of the first piece for the model that side questions use. */
  onAside: ((at: number) => void) | undefined;
  close(): Promise<void>;
};

export const ASIDE_MODEL = 'bench-aside';
/** How a side answer begins. */
export const ASIDE_WORD = 'sideways';
const PIECES = 40;
const PIECE_EVERY_MS = 2.5;
export const MARK = /zq(\d+)x(\d+)z/;

type Open = { readonly response: ServerResponse; readonly mark: string; sent: number; dueAt: number };

const chunkOf = (delta: object, finish: string | null, usage: object | null = null): string =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'bench',
    choices: usage === null ? [{ index: 0, delta, logprobs: null, finish_reason: finish }] : [],
    usage,
  })}\n\n`;

const PIECE = chunkOf({ content: 'word ' }, null);
const END = `${chunkOf({}, 'stop')}${chunkOf({}, null, { prompt_tokens: 900, completion_tokens: 42, total_tokens: 942 })}data: [DONE]\n\n`;

export async function startModel(): Promise<BenchModel> {
  const open = new Set<Open>();
  let calls = 0;
  let promptBytes = 0;
  const model: Pick<BenchModel, 'pace' | 'hold' | 'onAside'> = {
    pace: 'streaming',
    hold: false,
    onAside: undefined,
  };

  function serve(body: Buffer, response: ServerResponse): void {
    calls += 1;
    if (calls === 1) promptBytes = body.length;
    const text = body.toString('utf8');
    if (model.hold) return;
    const isAside = text.includes(`"model":"${ASIDE_MODEL}"`);
    const mark = isAside
      ? 'that is all'
      : ([...text.matchAll(new RegExp(MARK, 'g'))].at(-1)?.[0] ?? 'nothing');
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    if (isAside) {
      response.write(chunkOf({ content: `${ASIDE_WORD} ` }, null));
      model.onAside?.(performance.now());
    }
    const one = { response, mark, sent: 0, dueAt: performance.now() };
    if (model.pace === 'instant') while (!piece(one));
    else open.add(one);
  }

  /** True when that was the last. */
  function piece(one: Open): boolean {
    one.sent += 1;
    if (one.sent < PIECES) {
      one.response.write(PIECE);
      return false;
    }
    one.response.end(chunkOf({ content: one.mark }, null) + END);
    return true;
  }

  const timer = setInterval(() => {
    const now = performance.now();
    for (const one of open) {
      if (one.response.destroyed) open.delete(one);
      else if (one.dueAt <= now) {
        one.dueAt += PIECE_EVERY_MS;
        if (piece(one)) open.delete(one);
      }
    }
  }, 1);

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => serve(Buffer.concat(chunks), response));
    response.on('error', () => response.destroy());
  });
  // Node would close an idle connection after five seconds, perhaps just as a client without a second try uses it again.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(model, {
    url: `http://127.0.0.1:${port}/v1`,
    calls: () => calls,
    firstPromptBytes: () => promptBytes,
    close: () =>
      new Promise<void>((resolve) => {
        clearInterval(timer);
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}
