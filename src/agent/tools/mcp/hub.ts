/**
 * All MCP servers of the gateway. Profiles that name the same server in the same place share it, and a new configuration
 * keeps those that stay. What a server says of its tools counts only as far as a person has agreed to it.
 */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { errorMessage } from '../../../domain/errors.ts';
import type { KeyValue } from '../../../domain/feed.ts';
import type { Clock, Logger } from '../../../domain/runtime.ts';
import type { Sandbox } from '../sandbox.ts';
import { type Connection, createConnection } from './connection.ts';
import { createConsent } from './consent.ts';
import {
  type Changes,
  changesBetween,
  definitionHash,
  listHash,
  parseTools,
  type ToolDefinition,
  type ToolList,
} from './definition.ts';
import { describeServer, type McpServer, serverKey } from './server.ts';

export type ServerHandle = {
  readonly name: string;
  /** "stdio: mcp-server-x" or its address. */
  readonly about: string;
  /** Where a local one runs; null for one that is only spoken to. */
  readonly sandbox: string | null;
  /** The tools that a person agreed to and that are still what they were. */
  usable(): readonly ToolDefinition[];
  /** Known by name, usable or not. */
  agreed(name: string): ToolDefinition | undefined;
  isUsable(name: string): boolean;
  /** False until the server has been reached for the first time, ever. */
  isKnown(): boolean;
  changes(): Changes;
  /** Of what the server says now. */
  presentHash(): string;
  /** Agrees to what the server says now. */
  accept(): Promise<void>;
  /** Rejects with what is wrong, in words. */
  open(): Promise<void>;
  call(name: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<CallToolResult>;
};

export type HubDeps = { readonly state: KeyValue; readonly log: Logger; readonly clock: Clock };

export type ServerPlace = {
  readonly sandbox: Sandbox;
  readonly workspace: string;
  /** False: only what is known already, nothing is started or asked. */
  readonly live: boolean;
};

export type Hub = {
  /** Resolves when the server is known or has failed to show itself in time. Never rejects. */
  open(name: string, server: McpServer, place: ServerPlace): Promise<ServerHandle>;
  /** Ends all servers that were not opened since the last call of this. */
  keepOpened(): Promise<void>;
  close(): Promise<void>;
};

/** How long the start of the gateway waits for a server that it has never seen; the others connect meanwhile. */
const FIRST_SIGHT_MS = 10_000;

const none: ToolList = new Map();

type Entry = {
  readonly handle: ServerHandle;
  readonly connection: Connection;
  readonly key: string;
  /** Takes over what was agreed to elsewhere: in another profile, on another gateway. */
  refresh(): Promise<void>;
};

export function createHub({ state, log, clock }: HubDeps): Hub {
  const consent = createConsent(state);
  const entries = new Map<string, Entry>();
  const opened = new Set<string>();

  async function create(name: string, server: McpServer, place: ServerPlace): Promise<Entry> {
    const own = log.child({ server: name });
    const key = `${name}:${serverKey(server)}`;
    let agreed = await consent.load(key);
    let present: ToolList | undefined;
    const refresh = async (): Promise<void> => {
      agreed = await consent.load(key);
    };
    const connection = createConnection({
      server,
      sandbox: place.sandbox,
      workspace: place.workspace,
      log: own,
      clock,
      async onTools(list) {
        const { tools, refused } = parseTools(list);
        if (refused.length > 0)
          own.warn({ tools: refused }, 'MCP tools left out: unusable name, text or number');
        await refresh();
        if (agreed === undefined) {
          await consent.save(key, tools);
          agreed = tools;
        }
        present = tools;
        const { added, changed, removed } = changesBetween(agreed, tools);
        const names = [...added, ...changed.map(({ after }) => after)].map((tool) => tool.name);
        if (names.length > 0)
          own.warn({ tools: names }, 'MCP tools changed: unavailable until a person agrees');
        own.info({ tools: tools.size, gone: removed.length }, 'MCP server is up');
      },
    });
    const isUsable = (tool: string): boolean => {
      const wanted = agreed?.get(tool);
      if (wanted === undefined || present === undefined) return wanted !== undefined;
      const now = present.get(tool);
      return now !== undefined && definitionHash(now) === definitionHash(wanted);
    };
    const handle: ServerHandle = {
      name,
      about: describeServer(server),
      sandbox: 'url' in server ? null : place.sandbox.describe(server.network),
      usable: () => [...(agreed ?? none).values()].filter((tool) => isUsable(tool.name)),
      agreed: (tool) => agreed?.get(tool),
      isUsable,
      isKnown: () => agreed !== undefined,
      changes: () => changesBetween(agreed ?? none, present ?? agreed ?? none),
      presentHash: () => listHash(present ?? none),
      async accept() {
        if (present === undefined) return;
        await consent.save(key, present);
        const same = [...entries.values()].filter((entry) => entry.key === key);
        await Promise.all(same.map((entry) => entry.refresh()));
      },
      open: () => connection.open(),
      async call(tool, args, signal) {
        // Connecting may show that the tool is no longer what was agreed to.
        await connection.open();
        if (!isUsable(tool))
          throw new Error('its description has changed, and nobody has agreed to that yet');
        return connection.call(tool, args, signal);
      },
    };
    return { handle, connection, key, refresh };
  }

  async function firstSight(handle: ServerHandle): Promise<void> {
    const failed = handle.open().catch((error: unknown) => {
      log.warn({ server: handle.name, detail: errorMessage(error) }, 'MCP server could not be reached');
    });
    if (handle.isKnown()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, FIRST_SIGHT_MS);
    await Promise.race([failed, promise]);
    clearTimeout(timer);
  }

  const end = async (ids: readonly string[]): Promise<void> => {
    const ending = ids.map((id) => entries.get(id)?.connection.close());
    for (const id of ids) entries.delete(id);
    await Promise.all(ending);
  };

  return {
    async open(name, server, place) {
      const where = 'url' in server ? '' : `${place.sandbox.describe(server.network)}:${place.workspace}`;
      const id = JSON.stringify([name, server, where]);
      opened.add(id);
      const known = entries.get(id);
      if (known !== undefined) return known.handle;
      const entry = await create(name, server, place);
      entries.set(id, entry);
      if (place.live) await firstSight(entry.handle);
      return entry.handle;
    },
    async keepOpened() {
      const left = [...entries.keys()].filter((id) => !opened.has(id));
      opened.clear();
      await end(left);
    },
    close: () => end([...entries.keys()]),
  };
}
