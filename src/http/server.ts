/**
 * The one HTTP server: health, metrics, and the raw routes channels and the console add. Everything that holds for
 * every request is here: Host and Origin, body caps, security headers, streams that end at shutdown.
 */
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import type { HttpHost, HttpRequest, HttpResponse } from '../channels/adapter.ts';
import { AppError, errorCodes, errorMessage } from '../domain/errors.ts';
import { type Logger, type Metrics, newId } from '../domain/runtime.ts';
import { refusal } from './origin.ts';

export type Readiness = {
  readonly ready: boolean;
  readonly channels: Readonly<Record<string, { readonly state: string; readonly detail?: string }>>;
};

export type HttpServerDeps = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly publicUrl: string | null;
  readonly log: Logger;
  readonly metrics?: Metrics;
  readonly ready: () => Readiness;
  /** Prometheus text. */
  readonly metricsText: () => Promise<string>;
};

export type HttpServer = {
  readonly host: HttpHost;
  /** @throws AppError `server.port_taken` */
  listen(): Promise<{ readonly url: string }>;
  /** Tells open streams to end (their signal aborts), lets requests in hand finish, frees the port. Idempotent. */
  close(): Promise<void>;
};

/** Forms and clicks are tiny; a route that takes more says so. */
const DEFAULT_BODY_BYTES = 64 * 1024;
/** What is read and thrown away of a body over the cap, so that the sender gets to read the refusal. */
const DRAIN_BYTES = 16 * 1024 * 1024;
const DRAIN_MS = 3_000;
/** A client has this long to send a whole request, which ends slow trickles. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Requests in hand at shutdown; the drain of turns (25 s) comes before this and has its own limit. */
const CLOSE_TIMEOUT_MS = 5_000;

const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export function createHttpServer(deps: HttpServerDeps): HttpServer {
  const { log, metrics } = deps;
  const app = fastify({
    logger: false,
    bodyLimit: DEFAULT_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
  });
  const streams = new Set<AbortController>();
  let closing: Promise<void> | undefined;

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
    if (closing !== undefined) reply.header('connection', 'close');
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

  const host: HttpHost = {
    route(method, path, handler, options = {}) {
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
    },
  };

  host.route('GET', '/healthz', async () => ({ status: 200, body: 'ok\n', headers: plain }));
  host.route('GET', '/readyz', async () => {
    const readiness = deps.ready();
    const ready = readiness.ready && closing === undefined;
    const body = JSON.stringify({ ready, channels: readiness.channels });
    return { status: ready ? 200 : 503, body, headers: { 'content-type': 'application/json' } };
  });
  host.route('GET', '/metrics', async () => ({
    status: 200,
    body: await deps.metricsText(),
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
  }));

  async function close(): Promise<void> {
    for (const stream of streams) stream.abort();
    const force = setTimeout(() => app.server.closeAllConnections(), CLOSE_TIMEOUT_MS);
    await app.close().finally(() => clearTimeout(force));
  }

  return {
    host,
    async listen() {
      try {
        await app.listen({ host: deps.host, port: deps.port });
      } catch (error) {
        throw listenError(error, deps);
      }
      const address = app.server.address();
      const port = typeof address === 'object' && address !== null ? address.port : deps.port;
      return { url: `http://${reachable(deps.host)}:${port}` };
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

const plain = { 'content-type': 'text/plain; charset=utf-8' };

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

function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

function listenError(error: unknown, { host, port }: HttpServerDeps): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'EADDRINUSE') return error;
  return new AppError(
    'server.port_taken',
    `Port ${port} on ${host} is in use. Set server.port in the config to a free one, ` +
      `or stop the program that holds it (lsof -i :${port} shows it).`,
    { cause: error, details: { host, port } },
  );
}
