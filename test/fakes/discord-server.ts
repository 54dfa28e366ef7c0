/**
 * Discord on loopback, REST and gateway, that discord.js' own layers talk to. Strict where Discord is (lengths, nonces,
 * buttons, deadlines of interactions, tokens), and able to fail in every way a test wants.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGateway, type Gateway } from './discord/gateway.ts';
import { createPeople, type People } from './discord/people.ts';
import { createRest, isAnonymous, type Upload } from './discord/rest.ts';
import { Refusal } from './discord/rules.ts';
import { createWorld, type Fault, type World } from './discord/world.ts';

export type FakeDiscord = People & {
  /** For `api_url`. */
  readonly url: string;
  readonly world: World;
  readonly gateway: Gateway;
  /** Lets the next calls of a route fail. */
  fail(fault: Fault): void;
  /** From now on so many calls of a route within a period, then 429. */
  limit(path: RegExp, count: number, perMs: number): void;
  calls(method: string, path: RegExp): readonly { readonly body: unknown; readonly path: string }[];
  close(): Promise<void>;
};

export async function startFakeDiscord(): Promise<FakeDiscord> {
  const world = createWorld();
  const limits: { path: RegExp; count: number; perMs: number; used: number; until: number }[] = [];
  let port = 0;
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  // Node would close an idle connection after five seconds, perhaps just as a client without a second try uses it again.
  server.keepAliveTimeout = 60_000;
  const gatewayUrl = (): string => `ws://127.0.0.1:${port}/gateway`;
  const gateway = createGateway(server, world, gatewayUrl);
  const perform = createRest({ world, gatewayUrl, dispatch: gateway.dispatch });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const { body, files } = await read(request);
    const path = decodeURIComponent(url.pathname).replace(/^\/api\/v10/, '');
    const method = request.method ?? 'GET';
    world.calls.push({ method, path, body, at: Date.now() });
    if (path.startsWith('/files/')) return sendFile(response, url.pathname.slice('/files/'.length));
    const fault = takeFault(method, path);
    if (fault?.drop === 'before') return void response.destroy();
    if (fault?.status !== undefined)
      return answer(response, fault.status, fault.body ?? { message: 'scripted', code: 0 }, fault.retryAfter);
    const limited = takeLimit(path);
    if (limited !== null)
      return answer(
        response,
        429,
        { message: 'You are being rate limited.', retry_after: limited, global: false },
        limited,
      );
    try {
      if (!isAnonymous(path) && request.headers.authorization !== `Bot ${world.token}`)
        throw new Refusal(401, 0, '401: Unauthorized');
      const result = perform({ method, path, query: url.searchParams, body, files });
      if (fault?.drop === 'after') return void response.destroy();
      answer(response, result === undefined ? 204 : 200, result);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer(response, error.status, { message: error.message, code: error.code });
    }
  }

  function takeFault(method: string, path: string): Fault | undefined {
    const found = world.faults.find(
      (fault) => fault.method === method && fault.path.test(path) && (fault.times ?? 1) > 0,
    );
    if (found !== undefined) found.times = (found.times ?? 1) - 1;
    return found;
  }

  /** Seconds to wait, or null. */
  function takeLimit(path: string): number | null {
    const limit = limits.find((one) => one.path.test(path));
    if (limit === undefined) return null;
    const now = Date.now();
    if (now >= limit.until) {
      limit.used = 0;
      limit.until = now + limit.perMs;
    }
    limit.used += 1;
    return limit.used > limit.count ? (limit.until - now) / 1000 : null;
  }

  function sendFile(response: ServerResponse, name: string): void {
    const bytes = world.files.get(name);
    if (bytes === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  return {
    ...createPeople(world, gateway, (name) => `http://127.0.0.1:${port}/files/${name}`),
    url: `http://127.0.0.1:${port}/api`,
    world,
    gateway,
    fail: (fault) => void world.faults.push({ ...fault }),
    limit: (path, count, perMs) => void limits.push({ path, count, perMs, used: 0, until: 0 }),
    calls: (method, path) => world.calls.filter((one) => one.method === method && path.test(one.path)),
    close: () =>
      new Promise((resolve) => {
        gateway.close();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function answer(response: ServerResponse, status: number, body?: unknown, retryAfter?: number): void {
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter), 'x-ratelimit-scope': 'user' }),
  };
  response.writeHead(status, headers).end(body === undefined ? undefined : JSON.stringify(body));
}

async function read(request: IncomingMessage): Promise<{ body: unknown; files: Upload[] }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('multipart/form-data'))
    return { body: text === '' ? undefined : JSON.parse(text), files: [] };
  const form = await new Response(Buffer.concat(chunks), { headers: { 'content-type': type } }).formData();
  const files: Upload[] = [];
  let body: unknown;
  for (const [name, value] of form) {
    if (name === 'payload_json') body = JSON.parse(String(value));
    else if (typeof value !== 'string') files.push({ filename: value.name, text: await value.text() });
  }
  return { body, files };
}
