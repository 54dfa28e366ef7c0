/** One MCP server that does as it is told, behind the real hub and a memory that outlives it. */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createHub, type Hub, type ServerHandle } from '../../src/agent/tools/mcp/hub.ts';
import type { McpServer } from '../../src/agent/tools/mcp/server.ts';
import { createMcpTools, type McpTools } from '../../src/agent/tools/mcp/tools.ts';
import { openSandbox, type Sandbox } from '../../src/agent/tools/sandbox.ts';
import type { ToolResult } from '../../src/agent/tools/tool.ts';
import { type Clock, type Logger, systemClock } from '../../src/domain/runtime.ts';
import type { Behaviour } from '../fakes/mcp-server.ts';
import { createMemoryKeyValue } from '../fakes/memory-feed.ts';
import { contextFor, scratch } from '../unit/agent/tools/scratch.ts';

const program = realpathSync(join(import.meta.dirname, '../fakes/mcp-server.ts'));

export const tool = (
  name: string,
  description: string,
  properties: object = { text: { type: 'string' } },
) => ({
  name,
  description,
  inputSchema: { type: 'object', properties },
});

export type Scene = {
  readonly workspace: string;
  readonly outside: string;
  readonly logged: string[];
  readonly entry: McpServer;
  readonly sandbox: Sandbox;
  behave(behaviour: Behaviour): void;
  /** Ends what runs and starts anew, remembering. */
  restart(): Promise<void>;
  hub: Hub;
  server: ServerHandle;
  tools: McpTools;
  call(name: string, args?: unknown, signal?: AbortSignal): Promise<ToolResult>;
};

export type SceneOptions = {
  readonly sandbox?: Sandbox;
  readonly server?: McpServer;
  readonly clock?: Clock;
  readonly env?: Readonly<Record<string, string>>;
};

export async function scene(first: Behaviour, options: SceneOptions = {}): Promise<Scene> {
  const { workspace, outside } = scratch();
  const folder = join(workspace, 'server');
  mkdirSync(folder);
  const file = join(folder, 'behaviour.json');
  const behave = (behaviour: Behaviour): void => writeFileSync(file, JSON.stringify(behaviour));
  behave(first);
  const logged: string[] = [];
  const note = (fields: object, message: string): void =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log };
  const sandbox = options.sandbox ?? (await openSandbox({ mode: 'auto', hide: [] }));
  const server: McpServer = options.server ?? {
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', program, file],
    env: options.env ?? {},
    network: false,
  };
  const state = createMemoryKeyValue();
  const open = async () => {
    const hub = createHub({ state, log, clock: options.clock ?? systemClock });
    const handle = await hub.open('fake', server, { sandbox, workspace, live: true });
    return { hub, server: handle, tools: createMcpTools([handle], true) };
  };
  const made: Scene = {
    workspace,
    outside,
    logged,
    entry: server,
    sandbox,
    behave,
    ...(await open()),
    async restart() {
      await made.hub.close();
      Object.assign(made, await open());
      await made.server.open();
    },
    async call(name, args = {}, signal) {
      const found = made.tools.get(name);
      if (found === undefined) throw new Error(`no tool ${name}`);
      return found.run(args, contextFor(workspace, signal === undefined ? {} : { signal }));
    },
  };
  onTestFinished(() => made.hub.close());
  return made;
}
