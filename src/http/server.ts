/**
 * The one HTTP server: health, metrics, and the raw routes channels and the console add. What holds for every request
 * is in `application.ts`.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { HttpHost } from '../channels/adapter.ts';
import { AppError, errorMessage } from '../domain/errors.ts';
import type { Logger, Metrics } from '../domain/runtime.ts';
import type { Application } from './application.ts';

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

/** A client has this long to send a whole request, which ends slow trickles. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Requests in hand at shutdown; the drain of turns (25 s) comes before this and has its own limit. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Kept connections may be idle for longer than proxies in front keep theirs: the side that is asked must not hang up. */
const KEEP_ALIVE_MS = 72_000;

export function createHttpServer(deps: HttpServerDeps): HttpServer {
  const { log } = deps;
  const routes: Parameters<HttpHost['route']>[] = [];
  let loading: Promise<Application> | undefined;
  let closing: Promise<void> | undefined;

  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    answer,
  );

  async function load(): Promise<Application> {
    const { createApplication } = await import('./application.ts');
    return createApplication({ ...deps, server, routes, isClosing: () => closing !== undefined });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      loading ??= load();
      (await loading).handle(request, response);
    } catch (error) {
      log.error({ error: errorMessage(error) }, 'requests cannot be answered');
      response.writeHead(500).end();
    }
  }

  const host: HttpHost = {
    route: (...route) => void routes.push(route),
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

  const builtIn = routes.length;

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const force = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
    await loading?.then(
      (application) => application.close(),
      () => {},
    );
    server.closeIdleConnections();
    await closed.finally(() => clearTimeout(force));
  }

  return {
    host,
    async listen() {
      server.listen({ host: deps.host, port: deps.port });
      await once(server, 'listening').catch((error: unknown) => {
        throw listenError(error, deps);
      });
      // Where people have pages to open, the first one is not to wait.
      if (routes.length > builtIn) loading = load();
      loading?.catch(() => {});
      const address = server.address();
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
