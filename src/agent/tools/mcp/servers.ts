/** The MCP servers of a configuration as tools. Without servers nothing of all this is loaded. */
import type { Hub, HubDeps, ServerPlace } from './hub.ts';
import type { McpServer } from './server.ts';
import type { McpTools } from './tools.ts';

export type McpServers = {
  /** Starts what is not running yet. Never rejects: a server that cannot be used is a fact in the log. */
  toolsOf(servers: Readonly<Record<string, McpServer>>, place: ServerPlace): Promise<McpTools>;
  /** Ends the servers that were not asked for since the last call of this. */
  keepAsked(): Promise<void>;
  close(): Promise<void>;
};

export const noMcpTools: McpTools = { get: () => undefined, list: () => [] };

export function createMcpServers(deps: HubDeps): McpServers {
  let hub: Hub | undefined;
  return {
    async toolsOf(servers, place) {
      const entries = Object.entries(servers);
      if (entries.length === 0) return noMcpTools;
      const [{ createHub }, { createMcpTools }] = await Promise.all([
        import('./hub.ts'),
        import('./tools.ts'),
      ]);
      hub ??= createHub(deps);
      const { open } = hub;
      const handles = entries.map(([name, server]) => open(name, server, place));
      return createMcpTools(await Promise.all(handles), place.live);
    },
    async keepAsked() {
      await hub?.keepOpened();
    },
    async close() {
      await hub?.close();
    },
  };
}
