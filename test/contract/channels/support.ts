/** What a channel is given when no program is around it. */
import type { ChannelDeps } from '../../../src/channels/adapter.ts';
import { type Logger, systemClock } from '../../../src/domain/runtime.ts';
import { createMemoryFeed, createMemoryKeyValue } from '../../fakes/memory-feed.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

export const channelDeps = <Config>(config: Config): ChannelDeps<Config> => ({
  config,
  server: { token: null, publicUrl: null },
  announce() {},
  state: createMemoryKeyValue(),
  feed: createMemoryFeed(),
  http: { route() {} },
  log: silent,
  metrics: { count() {}, gauge() {}, observe() {} },
  clock: systemClock,
  commands: [{ name: 'btw', argument: 'QUESTION', about: 'Ask aside' }],
});
