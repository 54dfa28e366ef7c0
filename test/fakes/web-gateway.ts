/** The web channel on a real HTTP server, with a feed in memory and a sink that records what comes in. */
import type { ChannelAdapter, ChannelSink } from '../../src/channels/adapter.ts';
import { createWebAdapter } from '../../src/channels/web/adapter.ts';
import { type WebConfig, webConfigSchema } from '../../src/channels/web/config.ts';
import type { Feed, KeyValue } from '../../src/domain/feed.ts';
import type { ButtonClick, InboundMessage, MessageDeletion, MessageEdit } from '../../src/domain/message.ts';
import { type Clock, type Logger, systemClock } from '../../src/domain/runtime.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import { createMemoryFeed, createMemoryKeyValue } from './memory-feed.ts';

export const ownerToken = 'owner-token-0123456789';
export const anaToken = 'ana-token-01234567890';

export type RecordingSink = ChannelSink & {
  readonly messages: InboundMessage[];
  readonly edits: MessageEdit[];
  readonly deletions: MessageDeletion[];
  readonly clicks: ButtonClick[];
  readonly stops: Parameters<ChannelSink['stop']>[];
};

export type WebGateway = {
  readonly url: string;
  readonly web: ChannelAdapter;
  readonly feed: Feed;
  readonly state: KeyValue;
  readonly sink: RecordingSink;
  close(): Promise<void>;
};

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

export const noMetrics = { count: () => undefined, gauge: () => undefined, observe: () => undefined };

/** @param on.message what to do with a message; it is recorded either way, before. */
export function createRecordingSink(
  on: { message?: (message: InboundMessage) => Promise<void> } = {},
): RecordingSink {
  const sink: RecordingSink = {
    messages: [],
    edits: [],
    deletions: [],
    clicks: [],
    stops: [],
    async message(message) {
      sink.messages.push(message);
      await on.message?.(message);
    },
    async edit(edit) {
      sink.edits.push(edit);
    },
    async deletion(deletion) {
      sink.deletions.push(deletion);
    },
    async click(click) {
      sink.clicks.push(click);
    },
    async stop(where, by) {
      sink.stops.push([where, by]);
    },
  };
  return sink;
}

export function createTestServer(port = 0): HttpServer {
  return createHttpServer({
    host: '127.0.0.1',
    port,
    publicUrl: null,
    log: silent,
    ready: () => ({ ready: true, channels: {} }),
    metricsText: async () => '',
  });
}

export async function openWebGateway(
  options: {
    feed?: Feed;
    state?: KeyValue;
    sink?: RecordingSink;
    config?: Partial<WebConfig>;
    clock?: Clock;
    port?: number;
  } = {},
): Promise<WebGateway> {
  const feed = options.feed ?? createMemoryFeed();
  const state = options.state ?? createMemoryKeyValue();
  const sink = options.sink ?? createRecordingSink();
  const server = createTestServer(options.port);
  const web = createWebAdapter({
    config: { ...webConfigSchema.parse({ users: { ana: anaToken } }), ...options.config },
    server: { token: ownerToken, publicUrl: null },
    announce: () => {},
    state,
    feed,
    http: server.host,
    log: silent,
    metrics: noMetrics,
    clock: options.clock ?? systemClock,
    commands: [
      { name: 'btw', argument: 'QUESTION', about: 'Ask something aside; only you see the answer' },
      { name: 'help', argument: '', about: 'List the commands' },
      { name: 'new', argument: '', about: 'Start afresh: what came before is no longer part of the history' },
      { name: 'status', argument: '', about: 'Say what is running and waiting here' },
      { name: 'stop', argument: '', about: 'Stop the work in hand' },
    ],
  });
  await web.start(sink);
  const { url } = await server.listen();
  return {
    url,
    web,
    feed,
    state,
    sink,
    async close() {
      await web.stop();
      await server.close();
    },
  };
}
