/**
 * The line to one MCP server: made when it is first needed, made again with growing pauses when it broke, ended when a
 * server no longer answers. Nothing that a server does or says here can hurt more than its own calls.
 */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { errorMessage } from '../../../domain/errors.ts';
import type { Clock, Logger } from '../../../domain/runtime.ts';
import type { Sandbox } from '../sandbox.ts';
import { createHttpTransport } from './http-transport.ts';
import { createProcessTransport, type ProcessTransport } from './process-transport.ts';
import { type McpServer, startOf } from './server.ts';

export type ConnectionDeps = {
  readonly server: McpServer;
  readonly sandbox: Sandbox;
  readonly workspace: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Every page of the list of tools, after connecting and whenever the server says that it changed. */
  readonly onTools: (list: readonly unknown[]) => Promise<void>;
};

export type Connection = {
  /** Connects unless it is connected. Rejects with what is wrong, in words. */
  open(): Promise<void>;
  call(name: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<CallToolResult>;
  close(): Promise<void>;
};

/** Includes what `npx` may have to unpack. */
const CONNECT_MS = 30_000;
/** A server that does not answer a ping this soon after a call timed out is taken for dead. */
const PING_MS = 5_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** A server may say as often as it likes that its tools changed. */
const LIST_AGAIN_MS = 200;
/** Pages of the list of tools: a server that has more than this goes round in circles. */
const MAX_PAGES = 20;

export function createConnection(deps: ConnectionDeps): Connection {
  const { clock, log } = deps;
  let client: Promise<Client> | undefined;
  let failures = 0;
  let notBefore = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function connect(): Promise<Client> {
    const wait = notBefore - clock.monotonic();
    if (closed) throw new Error('the server was taken out of the configuration');
    if (wait > 0) throw new Error(`the server is down; it is tried again in ${Math.ceil(wait / 1000)} s`);
    const [{ Client }, { ListToolsResultSchema, ToolListChangedNotificationSchema }] = await Promise.all([
      import('@modelcontextprotocol/sdk/client/index.js'),
      import('@modelcontextprotocol/sdk/types.js'),
    ]);
    // No capabilities: a server can neither call the model, nor ask people, nor look around.
    const made = new Client({ name: 'parley', version: '1' }, { capabilities: {} });
    const transport = await openTransport(deps);
    const list = async (): Promise<void> => {
      const tools: unknown[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const answer = await made.request(
          { method: 'tools/list', params: cursor === undefined ? {} : { cursor } },
          ListToolsResultSchema,
          { timeout: CONNECT_MS },
        );
        tools.push(...answer.tools);
        cursor = answer.nextCursor;
        if (cursor === undefined) break;
      }
      await deps.onTools(tools);
    };
    let due = false;
    const listSoon = (): void => {
      if (due) return;
      due = true;
      setTimeout(() => {
        due = false;
        list().catch((error: unknown) => log.warn({ detail: errorMessage(error) }, 'MCP tools not listed'));
      }, LIST_AGAIN_MS).unref();
    };
    made.onerror = (error) => log.debug({ detail: errorMessage(error) }, 'MCP server');
    try {
      await made.connect(transport, { timeout: CONNECT_MS });
      made.setNotificationHandler(ToolListChangedNotificationSchema, listSoon);
      await list();
    } catch (error) {
      await made.close().catch(() => undefined);
      const said = 'lastWords' in transport ? transport.lastWords() : '';
      throw new Error(
        `${errorMessage(error)}${said === '' ? '' : ` (it said: ${said.slice(-500)})`}${hintFor(deps)}`,
      );
    }
    const upAt = clock.monotonic();
    made.onclose = () => {
      client = undefined;
      // One that ends again and again soon after its start is not forgiven by starting.
      if (clock.monotonic() - upAt > LONGEST_PAUSE_MS) failures = 0;
      // A remote one has not ended because a line to it has.
      if (!closed && !('url' in deps.server)) fail('the server ended');
    };
    return made;
  }

  function fail(reason: string): void {
    failures += 1;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
    notBefore = clock.monotonic() + pause;
    log.warn({ detail: reason, pauseMs: pause }, 'MCP server is down');
    clearTimeout(timer);
    timer = setTimeout(() => {
      notBefore = 0;
      // How it went is in the log, and the next failure sets the next pause.
      connected().catch(() => undefined);
    }, pause);
    timer.unref();
  }

  function connected(): Promise<Client> {
    client ??= connect().catch((error: unknown) => {
      client = undefined;
      if (!closed && notBefore <= clock.monotonic()) fail(errorMessage(error));
      throw error;
    });
    return client;
  }

  return {
    async open() {
      await connected();
    },
    async call(name, args, signal) {
      const { CallToolResultSchema, McpError } = await import('@modelcontextprotocol/sdk/types.js');
      const made = await connected();
      try {
        return await made.request(
          { method: 'tools/call', params: { name, arguments: args } },
          CallToolResultSchema,
          {
            signal,
            // The tool's own limit comes first.
            timeout: 3_600_000,
          },
        );
      } catch (error) {
        if (signal.aborted) void endIfDead(made);
        // Not an answer of the server: its session may be gone for good. The call is not repeated, the next one
        // starts a session of its own.
        else if (!(error instanceof McpError)) await made.close();
        throw error;
      }
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      const open = client;
      client = undefined;
      await open?.then((made) => made.close()).catch(() => undefined);
    },
  };

  async function endIfDead(made: Client): Promise<void> {
    await made.ping({ timeout: PING_MS }).catch(() => made.close());
  }
}

/** The usual reason why a server that works elsewhere does not start here: it wants to download itself first. */
const hintFor = ({ server, sandbox }: ConnectionDeps): string =>
  'url' in server || server.network === true || !sandbox.active
    ? ''
    : '; if it needs the network, its entry has to say so (network: true, or a list of hosts)';

async function openTransport({ server, sandbox, workspace }: ConnectionDeps) {
  if ('url' in server) {
    const { StreamableHTTPClientTransport } = await import(
      '@modelcontextprotocol/sdk/client/streamableHttp.js'
    );
    return createHttpTransport(StreamableHTTPClientTransport, server);
  }
  if (sandbox.refusal !== null) throw new Error(sandbox.refusal);
  const { argv, place, env } = startOf(server, workspace, process.cwd(), sandbox.active);
  const transport: ProcessTransport = createProcessTransport({
    run: await sandbox.wrap(argv, place),
    cwd: place.cwd,
    env,
  });
  return transport;
}
