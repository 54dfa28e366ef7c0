/** Opens the channels that are on. One that is off is not even imported. */
import type { ChannelAdapter, HttpHost } from './channels/adapter.ts';
import { webChannel } from './channels/web/index.ts';
import type { LoadedConfig } from './config/load.ts';
import type { Clock, Logger, Metrics } from './domain/runtime.ts';
import { commands } from './gateway/commands/index.ts';
import type { Store } from './store/store.ts';

export type OpenChannels = {
  readonly adapters: ReadonlyMap<string, ChannelAdapter>;
  /** Once they are started: where a browser signs in. */
  readonly signInPath: () => string;
};

export async function openChannels(deps: {
  loaded: LoadedConfig;
  store: Store;
  http: HttpHost;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
}): Promise<OpenChannels> {
  const { config } = deps.loaded;
  const adapters = new Map<string, ChannelAdapter>();
  let signInPath = (): string => '/';
  if (config.channels.web.enabled) {
    const create = await webChannel.load();
    const ownerToken = config.server.token === '' ? null : config.server.token;
    const web = create({
      ...common(deps, 'web'),
      config: { ...config.channels.web, ownerToken, publicUrl: config.server.public_url },
    });
    adapters.set(web.name, web);
    signInPath = () => web.signInPath() ?? '/';
  }
  return { adapters, signInPath };
}

function common({ store, http, log, metrics, clock }: Parameters<typeof openChannels>[0], name: string) {
  return {
    state: store.state(`channel:${name}`),
    feed: store.feed,
    http,
    log: log.child({ channel: name }),
    metrics,
    clock,
    commands: commands.map((command) => ({
      name: command.name,
      argument: command.argument,
      about: command.about,
    })),
  };
}
