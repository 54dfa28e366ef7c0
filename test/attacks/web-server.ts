/** A web server on loopback that answers each path from a list, and counts what reached it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createFetchTool, type FetchDeps } from '../../src/agent/tools/http/fetch-url.ts';
import type { Assessment, ToolResult } from '../../src/agent/tools/tool.ts';
import { contextFor } from '../unit/agent/tools/scratch.ts';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export type WebServer = {
  readonly port: number;
  readonly origin: string;
  readonly requests: readonly IncomingMessage[];
};

export async function serve(answers: Readonly<Record<string, Answer>>): Promise<WebServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    const answer = answers[request.url ?? ''];
    if (answer === undefined) response.writeHead(404, { 'content-type': 'text/plain' }).end('nothing here');
    else answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, origin: `http://127.0.0.1:${port}`, requests };
}

export const text =
  (body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/plain', ...headers }).end(body);

export const redirect =
  (location: string, status = 302): Answer =>
  (_request, response) =>
    void response.writeHead(status, { location }).end();

export type Fetcher = {
  assess(url: string): Promise<Assessment>;
  run(url: string): Promise<ToolResult>;
};

/** The tool, with names that resolve as the test says. */
export function fetcher(deps: FetchDeps): Fetcher {
  const tool = createFetchTool(deps);
  return {
    assess: (url) => tool.assess({ url }, { workspace: '/' }),
    run: (url) => tool.run({ url }, contextFor('/')),
  };
}
