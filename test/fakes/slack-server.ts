/**
 * A Slack on loopback that the real SDK talks to: Web API, Socket Mode, signed requests, response URLs and files.
 * Strict where Slack is, and able to fail in every way a test wants.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Block, checkBlocks, checkMessageText, Refusal } from './slack/blocks.ts';
import { createDelivery, type Delivery } from './slack/delivery.ts';
import { methods, parsed } from './slack/methods.ts';
import { createPeople, type People } from './slack/people.ts';
import { createState, type Fault, type State, TOKENS } from './slack/state.ts';

export type FakeSlack = People & {
  /** For `channels.slack.api_url`. */
  readonly apiUrl: string;
  readonly state: State;
  readonly delivery: Delivery;
  fail(fault: Fault): void;
  calls(method: string): readonly Readonly<Record<string, unknown>>[];
  /** A file that can be attached to a message. */
  file(
    name: string,
    mimetype: string,
    body: Buffer,
    more?: { delayMs?: number; sendsType?: string },
  ): Record<string, unknown>;
  close(): Promise<void>;
};

const MAX_RESPONSES = 5;

export async function startFakeSlack(): Promise<FakeSlack> {
  const state = createState();
  const delivery = createDelivery();
  let url = '';
  const people = createPeople(state, delivery, () => url);
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  // Node would close an idle connection after five seconds, perhaps just as a client without a second try uses it again.
  server.keepAliveTimeout = 60_000;
  server.on('upgrade', (request, socket, head) => delivery.upgrade(request, socket, head));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const [, kind, rest = ''] = /^\/(api|upload|respond|files)\/(.+)$/.exec(request.url ?? '') ?? [];
    if (kind === 'api') return api(request, response, rest, body.toString('utf8'));
    if (kind === 'upload') return upload(request, response, rest, body);
    if (kind === 'respond') return respond(response, rest, body.toString('utf8'));
    if (kind === 'files') {
      state.calls.push({ method: `files/${rest}`, args: {}, at: Date.now() });
      return download(request, response, rest);
    }
    response.writeHead(404).end();
  }

  async function api(
    request: IncomingMessage,
    response: ServerResponse,
    method: string,
    body: string,
  ): Promise<void> {
    const args = Object.fromEntries(
      [...new URLSearchParams(body)].map(([key, value]) => [key, parsed(value)]),
    );
    const isJson = request.headers['content-type']?.startsWith('application/json') === true;
    const given: Record<string, unknown> = isJson ? JSON.parse(body) : args;
    const token = request.headers.authorization?.replace('Bearer ', '');
    const expected = method === 'apps.connections.open' ? TOKENS.app : TOKENS.bot;
    state.calls.push({ method, args: given, at: Date.now() });
    if (token !== expected || state.revoked)
      return json(response, { ok: false, error: state.revoked ? 'token_revoked' : 'invalid_auth' });
    const fault = takeFault(method);
    if (fault?.drop === 'before') return void response.destroy();
    if (fault?.status !== undefined)
      return void response
        .writeHead(
          fault.status,
          fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) },
        )
        .end();
    if (fault?.error !== undefined) return json(response, { ok: false, error: fault.error });
    const result = act(method, given);
    if (fault?.drop === 'never') return;
    if (fault?.drop === 'after') return void response.destroy();
    json(response, result);
  }

  function act(method: string, args: Record<string, unknown>): Record<string, unknown> {
    const perform = state.missing.has(method) ? undefined : methods[method];
    if (perform === undefined) return { ok: false, error: 'unknown_method' };
    try {
      return { ok: true, ...perform(state, args, url) };
    } catch (error) {
      if (error instanceof Refusal) return { ok: false, error: error.message };
      throw error;
    }
  }

  function takeFault(method: string): Fault | undefined {
    const found = state.faults.find((fault) => fault.method === method && (fault.times ?? 1) > 0);
    if (found === undefined) return undefined;
    if ((found.skip ?? 0) > 0) {
      found.skip = (found.skip ?? 0) - 1;
      return undefined;
    }
    found.times = (found.times ?? 1) - 1;
    return found;
  }

  async function upload(
    request: IncomingMessage,
    response: ServerResponse,
    id: string,
    body: Buffer,
  ): Promise<void> {
    const headers = { 'content-type': request.headers['content-type'] ?? '' };
    const form = await new Response(new Uint8Array(body), { headers }).formData();
    const [content] = [...form.values()];
    const file = state.files.get(id);
    if (file === undefined || !(content instanceof Blob)) return void response.writeHead(404).end();
    state.files.set(id, { ...file, content: Buffer.from(await content.arrayBuffer()) });
    response.writeHead(200).end('OK');
  }

  function respond(response: ServerResponse, id: string, body: string): void {
    const known = state.responseUrls.get(id);
    if (known === undefined || known.uses >= MAX_RESPONSES)
      return void response.writeHead(404).end('{"ok":false,"error":"used_url"}');
    known.uses += 1;
    const {
      text = '',
      blocks = [],
      response_type: type,
    } = JSON.parse(body) as { text?: string; blocks?: Block[]; response_type?: string };
    if (type !== 'ephemeral') return void response.writeHead(400).end();
    checkMessageText(text);
    checkBlocks(blocks);
    state.ephemerals.push({
      channel: known.channel,
      user: known.user,
      thread: undefined,
      text,
      blocks,
      by: 'response_url',
    });
    response.writeHead(200).end('ok');
  }

  async function download(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const file = state.downloads.get(id);
    if (file === undefined) return void response.writeHead(404).end();
    if (request.headers.authorization !== `Bearer ${TOKENS.bot}`)
      return void response
        .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
        .end('<html><title>Sign in | Slack</title></html>');
    if (file.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, file.delayMs).unref());
    response.writeHead(200, { 'content-type': file.type }).end(file.body);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...people,
    apiUrl: `${url}/api/`,
    state,
    delivery,
    fail: (fault) => void state.faults.push(fault),
    calls: (method) => state.calls.filter((call) => call.method === method).map((call) => call.args),
    file(name, mimetype, body, more = {}) {
      const id = state.id('F');
      state.downloads.set(id, { body, type: more.sendsType ?? mimetype, delayMs: more.delayMs ?? 0 });
      return {
        id,
        name,
        mimetype,
        size: body.length,
        url_private: `${url}/files/${id}`,
        url_private_download: `${url}/files/${id}`,
      };
    },
    close: () =>
      new Promise((resolve) => {
        delivery.close();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value));
}
