/** Opens the channels that are on. One that is off is not even imported. */
import type { ChannelAdapter, ChannelDefinition, ChannelDeps } from './channels/adapter.ts';
import { channelDefinitions } from './channels/registry.ts';
import type { LoadedConfig } from './config/load.ts';
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

export async function openChannels(deps: OpenChannels): Promise<ReadonlyMap<string, ChannelAdapter>> {
  const definitions: readonly ChannelDefinition[] = Object.values(channelDefinitions);
  const on = definitions.filter(({ name }) => sectionOf(deps.loaded, name)?.enabled === true);
  const modules = await Promise.all(
    on.map(async (definition) => ({ definition, module: await definition.load() })),
  );
  return new Map(
    modules.map(({ definition: { name }, module }) => [name, module.create(depsOf(deps, name))]),
  );
}

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
