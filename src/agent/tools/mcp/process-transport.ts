/**
 * An MCP server as a child process in the sandbox: messages as lines on its standard streams. Its environment is what
 * the configuration says and nothing else; its whole process group ends with the connection.
 */
import type { spawn } from 'node:child_process';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { Launch } from '../bubblewrap.ts';
import { endGroup, launch } from '../launch.ts';

/** Of one message: output is cut for the prompt later, this only keeps memory bounded. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** What a server writes to its error stream is for its own log; the end of it explains a crash. */
const KEEP_ERROR_CHARACTERS = 2_000;

export type ProcessTransport = Transport & {
  /** The last it said on its error stream. */
  lastWords(): string;
};

export type ProcessServer = {
  readonly run: Launch;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
};

const isMessage = (value: unknown): value is JSONRPCMessage =>
  typeof value === 'object' && value !== null && Reflect.get(value, 'jsonrpc') === '2.0';

export function createProcessTransport(server: ProcessServer): ProcessTransport {
  let child: ReturnType<typeof spawn> | undefined;
  let errors = '';
  let pending: Buffer[] = [];
  let pendingBytes = 0;

  const transport: ProcessTransport = {
    lastWords: () => errors.trim(),
    start: () =>
      new Promise((resolve, reject) => {
        child = launch(server.run, server.cwd, server.env, 'pipe');
        child.once('spawn', resolve);
        child.once('error', (error) => {
          reject(error);
          transport.onerror?.(error);
        });
        child.once('close', () => {
          end();
          transport.onclose?.();
        });
        child.stdin?.on('error', (error) => transport.onerror?.(error));
        child.stdout?.on('data', (chunk: Buffer) => read(chunk));
        child.stderr?.on('data', (chunk: Buffer) => {
          errors = `${errors}${chunk}`.slice(-KEEP_ERROR_CHARACTERS);
        });
      }),
    send: (message) =>
      new Promise((resolve, reject) => {
        if (child?.stdin?.writable !== true) reject(new Error('the server is not running'));
        else
          child.stdin.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
      }),
    async close() {
      end();
    },
  };

  function end(): void {
    if (child?.pid !== undefined) endGroup(child.pid);
    child?.stdout?.destroy();
    child?.stderr?.destroy();
    pending = [];
    pendingBytes = 0;
  }

  function read(chunk: Buffer): void {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...pending, chunk.subarray(from, at)]).toString();
      pending = [];
      pendingBytes = 0;
      from = at + 1;
      receive(line);
    }
    pending.push(chunk.subarray(from));
    pendingBytes += chunk.length - from;
    if (pendingBytes > MAX_LINE_BYTES) {
      transport.onerror?.(new Error('the server sent a message without end'));
      end();
    }
  }

  function receive(line: string): void {
    if (line.trim() === '') return;
    try {
      const message: unknown = JSON.parse(line);
      if (isMessage(message)) transport.onmessage?.(message);
    } catch {
      // Some servers print greetings to the wrong stream; only messages count.
    }
  }

  return transport;
}
