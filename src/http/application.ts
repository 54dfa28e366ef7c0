/**
 * How requests are answered: Host and Origin, body caps, security headers, streams that end at shutdown. Loaded with
 * the first request, as the framework takes longer to load than most of the program.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import type { HttpHost, HttpRequest, HttpResponse } from '../channels/adapter.ts';
import { errorCodes, errorMessage } from '../domain/errors.ts';
import { type Logger, type Metrics, newId } from '../domain/runtime.ts';
import { refusal } from './origin.ts';

export type ApplicationDeps = {
  readonly server: Server;
  readonly routes: readonly Parameters<HttpHost['route']>[];
  readonly publicUrl: string | null;
  readonly log: Logger;
  readonly metrics?: Metrics;
  readonly isClosing: () => boolean;
};

export type Application = {
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Tells open streams to end, and lets requests in hand finish. */
  close(): Promise<void>;
};

/** Forms and clicks are tiny; a route that takes more says so. */
const DEFAULT_BODY_BYTES = 64 * 1024;
/** What is read and thrown away of a body over the cap, so that the sender gets to read the refusal. */
const DRAIN_BYTES = 16 * 1024 * 1024;
const DRAIN_MS = 3_000;
const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export async function createApplication(deps: ApplicationDeps): Promise<Application> {
  const { log, metrics } = deps;
  let handle: Application['handle'] | undefined;
  const app = fastify({
    logger: false,
    bodyLimit: DEFAULT_BODY_BYTES,
    exposeHeadRoutes: false,
    serverFactory(handler) {
      handle = handler;
      return deps.server;
    },
  });
  const streams = new Set<AbortController>();

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders);
    const reason = refusal({
      method: request.method,
      host: request.headers.host,
      origin: request.headers.origin,
      fetchSite: header(request, 'sec-fetch-site'),
      fetchMode: header(request, 'sec-fetch-mode'),
      localAddress: request.socket.localAddress,
      publicUrl: deps.publicUrl,
    });
    if (reason === undefined) return;
    log.warn(
      { host: request.headers.host, origin: request.headers.origin, path: pathOf(request) },
      'request refused',
    );
    return sendError(reply, 403, 'request.refused', reason);
  });

  app.addHook('onSend', async (_request, reply) => {
    // A connection kept alive after its last answer would hold the shutdown.
    if (deps.isClosing()) reply.header('connection', 'close');
  });

  app.addHook('onResponse', async (request, reply) => {
    const labels = { method: request.method, status: String(reply.statusCode) };
    metrics?.count('parley_http_requests_total', labels);
  });

  app.setNotFoundHandler((_request, reply) =>
    sendError(reply, 404, 'request.not_found', 'There is nothing here.'),
  );

  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      await drain(request);
      return sendError(
        reply,
        413,
        'message.too_large',
        errorCodes['message.too_large'].user ?? error.message,
      );
    }
    const status = error.statusCode ?? 500;
    if (status < 500) return sendError(reply, status, 'request.invalid', error.message);
    const reference = newId(Date.now()).slice(-8);
    log.error({ error: errorMessage(error), path: pathOf(request), reference }, 'request failed');
    return sendError(
      reply,
      500,
      'request.failed',
      `Something went wrong here. Please try again. (ref ${reference})`,
    );
  });

  async function respond(
    reply: FastifyReply,
    answer: HttpResponse,
    stream: AbortController,
  ): Promise<unknown> {
    reply.code(answer.status);
    const { body } = answer;
    if (answer.headers?.['cache-control'] === undefined) reply.header('cache-control', 'no-store');
    for (const [name, value] of Object.entries(answer.headers ?? {})) {
      reply.header(name, typeof value === 'string' ? value : [...value]);
    }
    if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body))
      return reply.send(body ?? '');
    // Its end is the end of the connection, at shutdown too.
    reply.header('connection', 'close');
    streams.add(stream);
    reply.raw.once('close', () => streams.delete(stream));
    return reply.send(Readable.from(body));
  }

  for (const [method, path, handler, options = {}] of deps.routes) {
    app.route({
      method,
      url: path,
      ...(options.maxBodyBytes === undefined ? {} : { bodyLimit: options.maxBodyBytes }),
      handler: async (request, reply) => {
        const gone = new AbortController();
        reply.raw.once('close', () => gone.abort());
        return respond(reply, await handler(toHttpRequest(request, gone.signal)), gone);
      },
    });
  }

  await app.ready();
  if (handle === undefined) throw new Error('the framework made no handler');
  return {
    handle,
    async close() {
      for (const stream of streams) stream.abort();
      await app.close();
    },
  };
}

function sendError(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').send({ error: { code, message } });
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '/';

function toHttpRequest(request: FastifyRequest, signal: AbortSignal): HttpRequest {
  const headers = Object.fromEntries(
    Object.keys(request.headers).map((name) => [name, header(request, name)]),
  );
  return {
    method: request.method,
    path: pathOf(request),
    params: request.params as Record<string, string>,
    query: Object.fromEntries(new URLSearchParams(request.url.split('?')[1] ?? '')),
    headers,
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    signal,
  };
}

async function drain(request: FastifyRequest): Promise<void> {
  let seen = 0;
  request.raw.on('data', (chunk: Buffer) => {
    seen += chunk.length;
    if (seen > DRAIN_BYTES) request.raw.destroy();
  });
  request.raw.resume();
  await finished(request.raw, { signal: AbortSignal.timeout(DRAIN_MS) }).catch(() => undefined);
}
