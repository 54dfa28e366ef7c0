/** The profiles without a gateway, for commands that only ask what would be: nothing is run, sent or written. */
import { createProxies } from './agent/tools/http/proxies.ts';
import { createMcpServers } from './agent/tools/mcp/servers.ts';
import type { LoadedConfig } from './config/load.ts';
import { type Logger, systemClock } from './domain/runtime.ts';
import { openProfiles, type Profiles } from './open-profiles.ts';
import { withRemembered } from './remembered.ts';

const noMetrics = { count: () => {}, gauge: () => {}, observe: () => {} };

export const openOffline = (loaded: LoadedConfig, log: Logger): Promise<Profiles> =>
  withRemembered(loaded, log, (state) =>
    openProfiles(loaded, {
      clock: systemClock,
      log,
      metrics: noMetrics,
      hidden: [],
      dryRun: true,
      proxies: createProxies(),
      mcp: createMcpServers({ state, log, clock: systemClock }),
    }),
  );
