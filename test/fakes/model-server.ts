/**
 * An OpenAI-compatible endpoint on loopback that answers from a script and remembers what it was asked. Strict where
 * real ones are: an empty `tools` array, a tool result without its call, or a call without its result is a 400.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type WireMessage = {
  role: string;
  content: string | { type: string; text?: string }[] | null;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
};

export type ModelCall = {
  readonly model: string;
  readonly messages: readonly WireMessage[];
  readonly tools?: readonly { function: { name: string } }[];
  readonly stream?: boolean;
  readonly body: Readonly<Record<string, unknown>>;
  /** All message text in one string. */
  readonly text: string;
  /** Text of the last user message. */
  readonly question: string;
  /** Resolves when the client hung up before the answer was complete. */
  readonly aborted: Promise<void>;
};

export type ScriptedReply = {
  readonly text?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly args: unknown; readonly id?: string }[];
  readonly reasoning?: string;
  readonly usage?: { readonly prompt: number; readonly completion: number };
  /** Waits before the first byte. */
  readonly hold?: Promise<unknown>;
  /** Waits between the first chunk and the rest. */
  readonly holdAfterFirst?: Promise<unknown>;
  /** Answers with this status and JSON error instead. */
  readonly status?: number;
  readonly error?: { readonly message: string; readonly code?: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers 200 with this page. */
  readonly html?: string;
  /** Ends the stream without a finish reason. */
  readonly unfinished?: boolean;
  /** Destroys the connection after the first chunk. */
  readonly reset?: boolean;
  /** Destroys it in the middle of the arguments of the first tool call. */
  readonly resetInCall?: boolean;
  readonly emptyChoices?: boolean;
  readonly finishReason?: string;
};

export type Script = (call: ModelCall, index: number) => ScriptedReply | Promise<ScriptedReply>;

export type EmbeddingScript = (text: string) => number[] | { readonly status: number };

export type FakeModel = {
  readonly url: string;
  readonly calls: readonly ModelCall[];
  /** Texts that were to become vectors. */
  readonly embedded: readonly string[];
  script(script: Script): void;
  /** How vectors are made; by default there is no such endpoint. */
  embed(script: EmbeddingScript): void;
  reset(): void;
  close(): Promise<void>;
};

const textOf = (message: WireMessage): string =>
  typeof message.content === 'string'
    ? message.content
    : (message.content ?? []).map((part) => part.text ?? '').join('');

export async function startFakeModel(): Promise<FakeModel> {
  const calls: ModelCall[] = [];
  const embedded: string[] = [];
  let current: Script = () => ({ text: 'ok' });
  let embed: EmbeddingScript = () => ({ status: 404 });
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as ModelCall['body'] &
      Pick<ModelCall, 'model' | 'messages' | 'tools' | 'stream'>;
    if (request.url?.endsWith('/embeddings')) {
      const input = String(body.input);
      embedded.push(input);
      const made = embed(input);
      if (!Array.isArray(made)) return sendError(response, made.status, { message: 'scripted failure' });
      const data = [{ object: 'embedding', index: 0, embedding: made }];
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ object: 'list', data, model: body.model, usage: { prompt_tokens: 5 } }));
      return;
    }
    const call: ModelCall = {
      ...body,
      body,
      text: body.messages.map(textOf).join('\n'),
      question: textOf(
        body.messages.findLast((message) => message.role === 'user') ?? { role: 'user', content: '' },
      ),
      aborted: new Promise((resolve) => response.on('close', () => response.writableFinished || resolve())),
    };
    const mistake = mistakeIn(body);
    if (mistake !== null) return sendError(response, 400, { message: mistake });
    calls.push(call);
    await send(response, call, await current(call, calls.length - 1));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    calls,
    embedded,
    script(script) {
      current = script;
    },
    embed(script) {
      embed = script;
    },
    reset() {
      calls.length = 0;
      embedded.length = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function mistakeIn(body: Pick<ModelCall, 'messages' | 'tools'>): string | null {
  if (body.tools !== undefined && body.tools.length === 0) return "[] is too short - 'tools'";
  const named = [
    ...(body.tools ?? []).map((tool) => tool.function.name),
    ...body.messages.flatMap((message) => (message.tool_calls ?? []).map((call) => call.function.name)),
  ];
  const illegal = named.find((name) => !/^[a-zA-Z0-9_-]{1,64}$/.test(name));
  if (illegal !== undefined) return `Invalid name '${illegal}': does not match '^[a-zA-Z0-9_-]+$'`;
  const open = new Set<string>();
  for (const message of body.messages) {
    if (message.role === 'tool') {
      if (!open.delete(message.tool_call_id ?? '')) return 'a tool message does not follow its tool call';
      continue;
    }
    if (open.size > 0) return 'tool calls without results';
    for (const call of message.tool_calls ?? []) open.add(call.id);
  }
  return open.size > 0 ? 'tool calls without results' : null;
}

async function send(response: ServerResponse, call: ModelCall, reply: ScriptedReply): Promise<void> {
  await reply.hold;
  if (reply.status !== undefined)
    return sendError(response, reply.status, reply.error ?? { message: 'scripted failure' }, reply.headers);
  if (reply.html !== undefined) {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(reply.html);
    return;
  }
  if (call.stream === true) await sendStream(response, call, reply);
  else sendWhole(response, call, reply);
}

function sendError(
  response: ServerResponse,
  status: number,
  error: { message: string; code?: string },
  headers: Readonly<Record<string, string>> = {},
): void {
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ error }));
}

const toolCallsOf = (reply: ScriptedReply, offset = 0) =>
  (reply.toolCalls ?? []).map((one, index) => ({
    index,
    id: one.id ?? `call_${offset}_${index}`,
    type: 'function',
    function: {
      name: one.name,
      arguments: typeof one.args === 'string' ? one.args : JSON.stringify(one.args),
    },
  }));

const usageOf = (reply: ScriptedReply) => {
  const { prompt, completion } = reply.usage ?? { prompt: 11, completion: 7 };
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
};

const finishOf = (reply: ScriptedReply): string =>
  reply.finishReason ?? (reply.toolCalls === undefined ? 'stop' : 'tool_calls');

function sendWhole(response: ServerResponse, call: ModelCall, reply: ScriptedReply): void {
  const message = {
    role: 'assistant',
    content: reply.text ?? null,
    ...(reply.reasoning === undefined ? {} : { reasoning_content: reply.reasoning }),
    ...(reply.toolCalls === undefined ? {} : { tool_calls: toolCallsOf(reply, call.messages.length) }),
  };
  const choices = reply.emptyChoices
    ? []
    : [{ index: 0, message, finish_reason: reply.unfinished ? null : finishOf(reply) }];
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify({ id: 'c', object: 'chat.completion', model: call.model, choices, usage: usageOf(reply) }),
  );
}

async function sendStream(response: ServerResponse, call: ModelCall, reply: ScriptedReply): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = (delta: object, finish: string | null = null) =>
    response.write(
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: call.model, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
    );
  if (reply.reasoning !== undefined) chunk({ reasoning_content: reply.reasoning });
  for (const [index, word] of (reply.text ?? '').split(/(?<=\s)/).entries()) {
    if (word !== '') chunk({ content: word });
    if (index === 0 && reply.reset) {
      // Given time to arrive, else the client sees no answer at all instead of half of one.
      setTimeout(() => response.destroy(), 20);
      return;
    }
    if (index === 0) await reply.holdAfterFirst;
  }
  for (const one of toolCallsOf(reply, call.messages.length)) {
    if (reply.resetInCall) {
      const half = one.function.arguments.slice(0, -2);
      chunk({ tool_calls: [{ ...one, function: { ...one.function, arguments: half } }] });
      setTimeout(() => response.destroy(), 20);
      return;
    }
    chunk({ tool_calls: [one] });
  }
  if (!reply.unfinished && !reply.emptyChoices) chunk({}, finishOf(reply));
  if (!reply.unfinished)
    response.write(
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: call.model, choices: [], usage: usageOf(reply) })}\n\n`,
    );
  response.end('data: [DONE]\n\n');
}
