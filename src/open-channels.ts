/** Opens the channels that are on. One that is off is not even imported. */
import type { ChannelAdapter, ChannelDefinition, ChannelDeps } from './channels/adapter.ts';
import { channelDefinitions } from './channels/registry.ts';
import type { LoadedConfig } from './config/load.ts';
import { AppError, errorMessage } from './domain/errors.ts';
import type { Logger } from './domain/runtime.ts';
import { commands } from './gateway/commands/index.ts';
import type { Store } from './store/store.ts';

export type OpenChannels = Pick<ChannelDeps<unknown>, 'http' | 'log' | 'metrics' | 'clock' | 'announce'> & {
  readonly loaded: LoadedConfig;
  readonly store: Store;
};

/** What the gateway itself reads of every channel's section. */
export type ChannelSection = {
  readonly enabled: boolean;
  readonly mention_only: boolean;
  readonly conversations: readonly string[] | null;
  readonly stream: boolean;
};

export function sectionOf({ config }: LoadedConfig, name: string): ChannelSection | undefined {
  const sections: Readonly<Record<string, ChannelSection | undefined>> = config.channels;
  return Object.hasOwn(sections, name) ? sections[name] : undefined;
}

type ChannelModule = Awaited<ReturnType<ChannelDefinition['load']>>;
export type LoadedChannels = ReadonlyMap<string, ChannelModule>;

/** The code of those that are on. It can be loaded long before they are opened. */
export async function loadChannels(loaded: LoadedConfig): Promise<LoadedChannels> {
  const definitions: readonly ChannelDefinition[] = Object.values(channelDefinitions);
  const on = definitions.filter(({ name }) => sectionOf(loaded, name)?.enabled === true);
  return new Map(
    await Promise.all(
      on.map(async ({ name, load }): Promise<[string, ChannelModule]> => [name, await load()]),
    ),
  );
}

export const openChannels = (
  channels: LoadedChannels,
  deps: OpenChannels,
): ReadonlyMap<string, ChannelAdapter> =>
  new Map([...channels].map(([name, channel]) => [name, channel.create(depsOf(deps, name))]));

function depsOf(
  { loaded, store, http, log, metrics, clock, announce }: OpenChannels,
  name: string,
): ChannelDeps<unknown> {
  const { token, public_url } = loaded.config.server;
  return {
    config: sectionOf(loaded, name),
    server: { token: token === '' ? null : token, publicUrl: public_url },
    state: store.state(`channel:${name}`),
    feed: store.feed,
    http,
    log: log.child({ channel: name }),
    metrics,
    clock,
    announce,
    commands: commands.map((command) => ({
      name: command.name,
      argument: command.argument,
      about: command.about,
    })),
  };
}

/** A channel that cannot start leaves the others up; only when none starts is there nothing to do. */
export async function startAdapters(
  adapters: ReadonlyMap<string, ChannelAdapter>,
  sink: Parameters<ChannelAdapter['start']>[0],
  log: Logger,
): Promise<void> {
  const results = await Promise.allSettled([...adapters.values()].map((one) => one.start(sink)));
  const names = [...adapters.keys()];
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected')
      log.error({ channel: names[index], detail: errorMessage(result.reason) }, 'channel did not start');
  }
  if (results.length > 0 && results.every((result) => result.status === 'rejected')) {
    throw new AppError(
      'channel.unavailable',
      `no channel could start: ${results.map((r) => (r.status === 'rejected' ? errorMessage(r.reason) : '')).join('; ')}`,
    );
  }
}
