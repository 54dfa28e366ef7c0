/**
 * An MCP server over streamable HTTP. Its headers go to its own origin and nowhere else: no redirects, no sign-in on a
 * server's word, no token of one server for another (A42).
 */
import type { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

/** Of one line of an answer, which is one message. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Passes everything on until one message grows too long. */
function bounded(): TransformStream<Uint8Array, Uint8Array> {
  let line = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const last = chunk.lastIndexOf(10);
      line = last < 0 ? line + chunk.length : chunk.length - last - 1;
      if (line > MAX_LINE_BYTES) controller.error(new Error('the server sent a message without end'));
      else controller.enqueue(chunk);
    },
  });
}

/** @param Transport of the SDK, which is loaded only when a server is configured */
export function createHttpTransport(
  Transport: typeof StreamableHTTPClientTransport,
  server: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
): StreamableHTTPClientTransport {
  const { origin } = new URL(server.url);
  return new Transport(new URL(server.url), {
    requestInit: { headers: { ...server.headers } },
    async fetch(target, init) {
      const url = new URL(target);
      if (url.origin !== origin)
        throw new Error(`the server wants to be asked at ${url.origin}, which is not its own`);
      const response = await fetch(url, { ...init, redirect: 'manual' });
      if (response.status >= 300 && response.status < 400)
        throw new Error(`the server redirects (${response.status}), which is not followed; correct its url`);
      if (response.body === null) return response;
      return new Response(response.body.pipeThrough(bounded()), response);
    },
    reconnectionOptions: {
      initialReconnectionDelay: 1_000,
      maxReconnectionDelay: 60_000,
      reconnectionDelayGrowFactor: 2,
      maxRetries: 5,
    },
  });
}
