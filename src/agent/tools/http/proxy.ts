/**
 * The way out of a sandbox whose network is a list of hosts: an HTTP proxy on a socket in the file system. It opens
 * tunnels to listed hosts and nothing else; the same checks of addresses hold as for fetching pages.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createEgress, plainHost } from './addresses.ts';
import { checkedAddresses, EgressRefused, pinnedLookup, type Resolve, resolveBySystem } from './connect.ts';

export type EgressProxy = {
  /** Path of the socket, readable by this user only. */
  readonly socket: string;
  close(): void;
};

/** Of all sandboxes that share it. */
const MAX_CONNECTIONS = 256;

/** A tunnel in which nothing moves is given up. */
const IDLE_MS = 120_000;

/** For this connection only, or for the proxy itself. */
const notForwarded = new Set(
  'connection keep-alive proxy-authorization proxy-connection te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
);

export async function openProxy(
  hosts: readonly string[],
  resolve: Resolve = resolveBySystem,
): Promise<EgressProxy> {
  const egress = createEgress(hosts);
  const folder = mkdtempSync(join(tmpdir(), 'parley-proxy-'));
  const socket = join(folder, 'proxy.sock');

  /** Throws EgressRefused. */
  async function addressesOf(host: string) {
    if (!egress.isListed(host)) throw new EgressRefused(`${plainHost(host)} is not on the list of hosts.`);
    return checkedAddresses(host, egress, resolve);
  }

  async function tunnel(target: string, client: Duplex, first: Buffer): Promise<void> {
    const url = URL.canParse(`http://${target}`) ? new URL(`http://${target}`) : null;
    const port = Number(/:(\d{1,5})$/.exec(target)?.[1]);
    if (url === null || !(port > 0 && port < 65_536)) throw new EgressRefused('The target is not HOST:PORT.');
    const addresses = await addressesOf(url.hostname);
    const upstream = connect({ host: plainHost(url.hostname), port, lookup: pinnedLookup(addresses) });
    upstream.setTimeout(IDLE_MS, () => upstream.destroy());
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (first.length > 0) upstream.write(first);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  }

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '';
    if (!URL.canParse(target)) throw new EgressRefused('This is a proxy; ask it for a whole address.');
    const url = new URL(target);
    if (url.protocol !== 'http:')
      throw new EgressRefused('Only http is forwarded; https goes through a tunnel.');
    const addresses = await addressesOf(url.hostname);
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !notForwarded.has(name.toLowerCase())),
    );
    const upstream = send(url, {
      method: request.method ?? 'GET',
      agent: false,
      lookup: pinnedLookup(addresses),
      // Not the one that was sent: it could name another site at the same address.
      headers: { ...headers, host: url.host },
    });
    upstream.setTimeout(IDLE_MS, () => upstream.destroy());
    upstream.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    request.pipe(upstream);
  }

  const refusal = (error: unknown): string =>
    error instanceof EgressRefused ? error.message : 'The request could not be forwarded.';

  const server = createServer((request, response) => {
    forward(request, response).catch((error: unknown) => {
      response.writeHead(403, { 'content-type': 'text/plain' }).end(`${refusal(error)}\n`);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connect', (request, client, first) => {
    client.on('error', () => client.destroy());
    tunnel(request.url ?? '', client, first).catch((error: unknown) => {
      client.end(
        `HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${refusal(error)}\n`,
      );
    });
  });
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(socket, done);
  });
  // It serves children of this process; it is no reason to keep the process.
  server.unref();
  const close = (): void => {
    process.off('exit', close);
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', close);
  return { socket, close };
}
