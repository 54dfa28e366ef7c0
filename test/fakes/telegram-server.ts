/**
 * A Bot API server on loopback that the real SDK talks to. Strict where Telegram is (markup, lengths, buttons, rights,
 * one poller), forgetful where Telegram forgets (confirmed updates), and able to fail in every way a test wants.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { knows, perform, Refusal, type Upload } from './telegram/methods.ts';
import { createPeople, type People } from './telegram/people.ts';
import { createState, type Fault, type State } from './telegram/state.ts';

export type FakeTelegram = People & {
  readonly url: string;
  readonly token: string;
  readonly state: State;
  /** Lets the next calls of a method fail. */
  fail(fault: Fault): void;
  calls(method: string): readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
};

const TOKEN = '4242:AAEfakeTokenForTheTestsOnly';

export async function startFakeTelegram(): Promise<FakeTelegram> {
  const state = createState(TOKEN);
  const waiting = new Set<() => void>();
  let knowsKinds = false;
  const wake = (): void => {
    for (const resume of waiting) resume();
  };
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  // Node would close an idle connection after five seconds, perhaps just as a client without a second try uses it again.
  server.keepAliveTimeout = 60_000;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const [, kind, token, rest = ''] = /^\/(file\/)?bot([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
    const { payload, upload } = await read(request);
    if (token !== state.token) return reply(response, { status: 401, description: 'Unauthorized' });
    if (kind !== undefined) return sendFile(response, rest);
    state.calls.push({ method: rest, payload, at: Date.now() });
    const fault = takeFault(rest);
    if (fault?.drop === 'before') return void response.destroy();
    if (fault?.status !== undefined)
      return reply(response, {
        status: fault.status,
        description: fault.description ?? `scripted ${fault.status}`,
        retryAfter: fault.retryAfter,
      });
    try {
      const result = rest === 'getUpdates' ? await updates(payload, response) : act(rest, payload, upload);
      if (fault?.drop === 'after') return void response.destroy();
      reply(response, { result });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      reply(response, { status: error.status, description: error.message, retryAfter: error.retryAfter });
    }
  }

  function act(method: string, payload: unknown, upload: Upload | undefined): unknown {
    if (!knows(method)) throw new Refusal(404, 'Not Found: method not found');
    return perform(state, method, payload, upload);
  }

  function takeFault(method: string): Fault | undefined {
    const found = state.faults.find((fault) => fault.method === method && (fault.times ?? 1) > 0);
    if (found !== undefined) found.times = (found.times ?? 1) - 1;
    return found;
  }

  /** Long poll. Asking for a later update confirms those before it; a second poller is refused. */
  async function updates(payload: Record<string, unknown>, response: ServerResponse): Promise<unknown> {
    if (state.webhook !== undefined)
      throw new Refusal(409, "Conflict: can't use getUpdates method while webhook is active");
    // What was asked for once holds until something else is.
    knowsKinds ||= Array.isArray(payload.allowed_updates);
    if (!knowsKinds) throw new Refusal(400, 'Bad Request: allowed_updates must be explicit here');
    const { offset } = payload;
    if (typeof offset === 'number') state.updates = state.updates.filter((one) => one.update_id >= offset);
    if (state.pollers > 0)
      throw new Refusal(
        409,
        'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
      );
    state.pollers += 1;
    try {
      const isOpen = () => !response.destroyed;
      if (state.updates.length === 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, Number(payload.timeout ?? 0) * 1000);
        waiting.add(resolve);
        response.once('close', resolve);
        await promise;
        waiting.delete(resolve);
        clearTimeout(timer);
      }
      if (!isOpen()) return [];
      return state.updates.slice(0, 100);
    } finally {
      state.pollers -= 1;
    }
  }

  function sendFile(response: ServerResponse, path: string): void {
    const found = [...state.files.values()].find((file) => file.path === path && !file.expired);
    if (found === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-length': found.bytes.length }).end(found.bytes);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...createPeople(state, wake),
    url: `http://127.0.0.1:${port}`,
    token: TOKEN,
    state,
    fail: (fault) => void state.faults.push({ ...fault }),
    calls: (method) => state.calls.filter((call) => call.method === method).map((call) => call.payload),
    close: () =>
      new Promise((resolve) => {
        wake();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function reply(
  response: ServerResponse,
  answer: { result?: unknown; status?: number; description?: string; retryAfter?: number | undefined },
): void {
  const { status = 200, result, description, retryAfter } = answer;
  const body =
    status === 200
      ? { ok: true, result }
      : {
          ok: false,
          error_code: status,
          description,
          ...(retryAfter === undefined ? {} : { parameters: { retry_after: retryAfter } }),
        };
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function read(
  request: IncomingMessage,
): Promise<{ payload: Record<string, unknown>; upload: Upload | undefined }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  const boundary = /boundary=(.+)$/.exec(request.headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) return { payload: body === '' ? {} : JSON.parse(body), upload: undefined };
  const payload: Record<string, unknown> = {};
  let upload: Upload | undefined;
  for (const part of body.split(`--${boundary}`)) {
    const [, head = '', content = ''] = /^\r\n([\s\S]*?)\r\n\r\n([\s\S]*?)(?:\r\n)?$/.exec(part) ?? [];
    const name = /[; ]name="([^"]+)"/.exec(head)?.[1];
    const file = /filename="?([^";\r\n]+)"?/.exec(head)?.[1];
    if (file !== undefined) upload = { name: file, text: content };
    else if (name !== undefined) payload[name] = content;
  }
  return { payload, upload };
}
