/**
 * Socket Mode. The SDK's own reconnecting lets an error of its first call escape, waits five seconds, and closes a
 * connection before it opens the next, so each connection here is a client of its own and we decide when there is
 * another one.
 */
import type { App, Receiver } from '@slack/bolt';
import { SocketModeClient } from '@slack/socket-mode';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Logger, Metrics } from '../../domain/runtime.ts';
import { type ClientOptions, sdkLogger } from './client.ts';
import { toAppError } from './errors.ts';
import { createProcess, type Dropped, parseBody } from './receiver.ts';

export type SocketDeps = {
  readonly appToken: string;
  readonly clientOptions: ClientOptions;
  readonly onState: (state: 'up' | 'degraded' | 'down', detail?: string) => void;
  readonly dropped: Dropped;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** From opening to Slack's hello. */
const HELLO_MS = 10_000;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 30_000;
/** A connection that held this long was a good one: the next trouble starts counting anew. */
const GOOD_AFTER_MS = 10_000;
/** Slack's payloads are far smaller. */
const MAX_MESSAGE = 1024 * 1024;
/** For the close handshake. */
const CLOSE_MS = 500;

export function createSocket(deps: SocketDeps): Receiver {
  const { log, metrics, onState } = deps;
  let app: App | undefined;
  let running = false;
  let current: SocketModeClient | undefined;
  let openedAt = 0;
  /** Since when there has been no connection; null while there is one. */
  let awaySince: number | null = null;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  const inHand = new Set<Promise<void>>();
  const process = createProcess(() => {
    if (app === undefined) throw new AppError('channel.unavailable', 'Slack is not started');
    return app;
  });

  function open(): SocketModeClient {
    const client = new SocketModeClient({
      appToken: deps.appToken,
      autoReconnectEnabled: false,
      logger: sdkLogger(log),
      clientOptions: deps.clientOptions,
    });
    guard(client);
    client.on('slack_event', (envelope: Envelope) => {
      const work = take(envelope).finally(() => inHand.delete(work));
      inHand.add(work);
    });
    return client;
  }

  /** The SDK reads messages without care; one it would stumble over is dropped before. */
  function guard(client: SocketModeClient): void {
    const listeners = client.listeners('ws_message');
    client.removeAllListeners('ws_message');
    client.on('ws_message', (data: unknown, isBinary: boolean) => {
      const kind = isBinary || typeof data !== 'string' ? undefined : readKind(data);
      if (kind === undefined) {
        deps.dropped({ bytes: typeof data === 'string' ? data.length : null });
        return;
      }
      // Slack changes servers: the next connection opens before this one closes, so that nothing waits.
      if (kind === 'disconnect' && client === current) void replace();
      if (kind === 'link_disabled')
        refuse('Socket Mode is switched off for this app. Switch it on under "Socket Mode".');
      for (const listener of listeners) listener.call(client, data, isBinary);
    });
  }

  async function take({ body: value, ack }: Envelope): Promise<void> {
    const body = parseBody(value);
    try {
      const outcome =
        body === undefined ? 'malformed' : await process(body, async (response) => ack(response));
      if (body === undefined) await ack();
      if (outcome === 'malformed') deps.dropped({ event: body?.event_id });
    } catch (error) {
      // Not acknowledged: Slack sends it again.
      metrics.count('parley_inbound_failed_total', { channel: 'slack' });
      log.warn(
        { event: body?.event_id, detail: errorMessage(error) },
        'an event of Slack is left for its next delivery',
      );
    }
  }

  /** @throws AppError `channel.*` */
  async function connect(): Promise<void> {
    const client = open();
    const closed = new Promise<void>((resolve) => client.once('disconnected', () => resolve()));
    try {
      await within(HELLO_MS, client.start());
    } catch (error) {
      void closeSoon(client);
      throw toAppError(error ?? new Error('the connection was closed'), 'apps.connections.open');
    }
    if (!running) {
      await closeSoon(client);
      return;
    }
    current = client;
    openedAt = performance.now();
    if (awaySince !== null)
      log.info({ awayMs: Math.round(openedAt - awaySince) }, 'connected to Slack again');
    awaySince = null;
    onState('up');
    void closed.then(() => {
      if (client !== current || !running) return;
      lose();
      onState('degraded', 'the connection to Slack dropped; connecting again');
      retry();
    });
  }

  function lose(): void {
    current = undefined;
    awaySince = performance.now();
    failures = awaySince - openedAt > GOOD_AFTER_MS ? 0 : failures + 1;
    metrics.count('parley_reconnects_total', { channel: 'slack' });
  }

  /** At once, unless Slack keeps sending us away. */
  async function replace(): Promise<void> {
    lose();
    if (failures > 0) retry();
    else await again();
  }

  function retry(): void {
    clearTimeout(timer);
    // Jitter: many gateways must not come back in step.
    const delay =
      Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
    timer = setTimeout(() => void again(), delay);
  }

  async function again(): Promise<void> {
    if (!running) return;
    try {
      await connect();
    } catch (error) {
      if (error instanceof AppError && error.code === 'channel.unauthorized') return refuse(error.message);
      failures += 1;
      onState('degraded', errorMessage(error));
      log.warn({ failures, detail: errorMessage(error) }, 'cannot connect to Slack; trying again');
      retry();
    }
  }

  function refuse(detail: string): void {
    running = false;
    clearTimeout(timer);
    log.error({ detail }, 'Slack is down until this is mended');
    onState('down', detail);
  }

  return {
    init(bolt) {
      app = bolt;
    },
    async start() {
      running = true;
      try {
        await connect();
      } catch (error) {
        if (error instanceof AppError && error.retryable) {
          // Slack or the network is away for now; the rest of the gateway need not wait for it.
          onState('degraded', error.message);
          log.warn({ detail: error.message }, 'cannot connect to Slack; trying again');
          retry();
          return;
        }
        running = false;
        throw error;
      }
    },
    async stop() {
      running = false;
      clearTimeout(timer);
      await Promise.allSettled(inHand);
      const client = current;
      current = undefined;
      if (client !== undefined) await closeSoon(client);
    },
  };
}

type Envelope = { readonly body: unknown; readonly ack: (response?: unknown) => Promise<void> };

/** `undefined`: not what the SDK can take. */
function readKind(data: string): string | undefined {
  if (data.length > MAX_MESSAGE) return undefined;
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value !== 'object' || value === null) return undefined;
    const type: unknown = Reflect.get(value, 'type');
    if (typeof type !== 'string') return undefined;
    if (type === 'disconnect')
      return Reflect.get(value, 'reason') === 'link_disabled' ? 'link_disabled' : type;
    if (type !== 'events_api') return type;
    return parseBody(Reflect.get(value, 'payload'))?.event === undefined ? undefined : type;
  } catch {
    return undefined;
  }
}

/** Asks to close; the second time the SDK stops waiting for the other side. Never throws. */
async function closeSoon(client: SocketModeClient): Promise<void> {
  try {
    await within(CLOSE_MS, client.disconnect());
  } catch {
    void client.disconnect().catch(() => undefined);
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
