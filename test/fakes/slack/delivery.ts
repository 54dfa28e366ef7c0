/** How Slack brings payloads: over the sockets of Socket Mode or by signed requests, again when not acknowledged. */
import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { TOKENS } from './state.ts';

export type Kind = 'events_api' | 'slash_commands' | 'interactive';
export type Answer = { readonly body: unknown; readonly attempts: number; readonly afterMs: number };

export type Delivery = {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Resolves when it was acknowledged; rejects after the last try. */
  deliver(kind: Kind, payload: Record<string, unknown>): Promise<Answer>;
  /** Anything at all, over a socket. */
  raw(text: string): void;
  sockets(): number;
  connections(): number;
  /** Breaks every connection without a word. */
  drop(): void;
  /** Tells the client to connect anew, as before maintenance. */
  refresh(): void;
  /** Tries of each delivery from now on, for a gateway that dies more often in a minute than Slack tries. */
  attempts(count: number): void;
  /** Posts to this address instead of the sockets. */
  useHttp(url: string): void;
  post(
    kind: Kind,
    payload: Record<string, unknown>,
    change?: Partial<Signing>,
  ): Promise<{ status: number; body: string }>;
  close(): void;
};

export type Signing = { secret: string; timestamp: number; body: string; signature: string };

/** Slack's own deadline. */
const ACK_MS = 3_000;
/** Slack spreads them over six minutes; here they follow at once. */
const ATTEMPTS = 4;

export function createDelivery(): Delivery {
  const server = new WebSocketServer({ noServer: true });
  const open = new Set<WebSocket>();
  const waiting = new Map<string, (body: unknown) => void>();
  const onOpen = new Set<() => void>();
  /** Many may wait on one socket: more than it would take listeners without a warning. */
  const onClose = new Set<(closed: WebSocket) => void>();
  let count = 0;
  let connections = 0;
  let http: string | undefined;
  let attempts = ATTEMPTS;

  function connected(socket: WebSocket): void {
    open.add(socket);
    connections += 1;
    socket.on('close', () => {
      open.delete(socket);
      for (const tell of onClose) tell(socket);
    });
    socket.on('message', (data) => {
      const { envelope_id: id, payload } = JSON.parse(String(data)) as {
        envelope_id: string;
        payload?: unknown;
      };
      waiting.get(id)?.(payload);
    });
    socket.send(
      JSON.stringify({ type: 'hello', num_connections: open.size, connection_info: { app_id: 'A0FAKE' } }),
    );
    for (const resume of onOpen) resume();
  }

  async function socket(): Promise<WebSocket> {
    for (;;) {
      const [first] = open;
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => {
        const resume = (): void => {
          onOpen.delete(resume);
          resolve();
        };
        onOpen.add(resume);
      });
    }
  }

  async function overSocket(kind: Kind, payload: Record<string, unknown>): Promise<Answer> {
    const id = `envelope-${++count}`;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const to = await socket();
      const startedAt = performance.now();
      const { promise, resolve } = Promise.withResolvers<unknown>();
      waiting.set(id, resolve);
      to.send(
        JSON.stringify({
          envelope_id: id,
          type: kind,
          payload,
          accepts_response_payload: kind !== 'events_api',
          retry_attempt: attempt,
          ...(attempt > 0 ? { retry_reason: 'timeout' } : {}),
        }),
      );
      const { promise: lost, resolve: lose } = Promise.withResolvers<'lost'>();
      const timer = setTimeout(() => lose('lost'), ACK_MS);
      const tell = (closed: WebSocket): void => {
        if (closed === to) lose('lost');
      };
      onClose.add(tell);
      const body = await Promise.race([promise, lost]);
      clearTimeout(timer);
      onClose.delete(tell);
      waiting.delete(id);
      if (body !== 'lost') return { body, attempts: attempt + 1, afterMs: performance.now() - startedAt };
    }
    throw new Error(`${kind} was never acknowledged`);
  }

  async function overHttp(kind: Kind, payload: Record<string, unknown>): Promise<Answer> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const startedAt = performance.now();
      const { status, body } = await post(kind, payload, {}, attempt);
      if (status === 200)
        return {
          body: body === '' ? undefined : JSON.parse(body),
          attempts: attempt + 1,
          afterMs: performance.now() - startedAt,
        };
    }
    throw new Error(`${kind} was never acknowledged`);
  }

  async function post(
    kind: Kind,
    payload: Record<string, unknown>,
    change: Partial<Signing> = {},
    attempt = 0,
  ) {
    const timestamp = change.timestamp ?? Math.floor(Date.now() / 1000);
    const plain = kind === 'events_api' ? JSON.stringify(payload) : formOf(kind, payload);
    const body = change.body ?? plain;
    const signature =
      change.signature ??
      `v0=${createHmac('sha256', change.secret ?? TOKENS.secret)
        .update(`v0:${timestamp}:${plain}`)
        .digest('hex')}`;
    const response = await fetch(`${http}/channels/slack/events`, {
      method: 'POST',
      body,
      headers: {
        'content-type': kind === 'events_api' ? 'application/json' : 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': String(timestamp),
        'x-slack-signature': signature,
        ...(attempt > 0
          ? { 'x-slack-retry-num': String(attempt), 'x-slack-retry-reason': 'http_error' }
          : {}),
      },
    });
    return { status: response.status, body: await response.text() };
  }

  return {
    upgrade: (request, socket, head) => server.handleUpgrade(request, socket, head, connected),
    deliver: (kind, payload) => (http === undefined ? overSocket(kind, payload) : overHttp(kind, payload)),
    raw(text) {
      for (const one of open) one.send(text);
    },
    sockets: () => open.size,
    connections: () => connections,
    drop() {
      for (const one of open) one.terminate();
    },
    refresh() {
      for (const one of open) one.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' }));
    },
    attempts(count) {
      attempts = count;
    },
    useHttp(url) {
      http = url;
    },
    post,
    close() {
      for (const one of open) one.terminate();
      server.close();
    },
  };
}

function formOf(kind: Kind, payload: Record<string, unknown>): string {
  const fields =
    kind === 'interactive' ? { payload: JSON.stringify(payload) } : (payload as Record<string, string>);
  return new URLSearchParams(fields).toString();
}
