/**
 * One attempt at an OpenAI-compatible endpoint, with every check that a plausible-looking bad answer needs:
 * HTML with status 200, a stream without an end, empty choices, a silent connection. Sole importer of openai.
 */
import OpenAI, { APIConnectionError, APIError } from 'openai';
import { AppError, errorMessage } from '../../domain/errors.ts';
import { TooLate } from '../../wire/exchange.ts';
import type { Endpoint, ModelRequest, Reasoning } from './client.ts';
import { addChunk, addText, type Chunk, checked, type Draft, newDraft, reasoningOf } from './draft.ts';
import { excerpt } from './excerpt.ts';
import { createStreamWriter, paramsOf } from './params.ts';
import { createTextReader } from './text-reader.ts';
import { type Answer, createTransport, type Target, type Transport } from './transport.ts';

export type OpenAiOptions = {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly model: string;
  /** Longest silence: until the first byte and between two chunks, milliseconds. */
  readonly timeoutMs: number;
  readonly maxTokens: number | null;
  readonly reasoning: Reasoning | null;
  readonly price: { readonly input: number; readonly output: number };
};

export function createOpenAiEndpoint(options: OpenAiOptions): Endpoint {
  const transport = createTransport(options.timeoutMs);
  const client = new OpenAI({
    baseURL: options.baseUrl,
    // Local servers want no key, the SDK insists on one.
    apiKey: options.apiKey === '' ? 'none' : options.apiKey,
    maxRetries: 0,
    // Silence is timed by the transport.
    timeout: 24 * 3_600_000,
    logLevel: 'off',
    fetch: transport.fetch,
  });
  const target = findTarget(client);
  const write = createStreamWriter(options);
  return {
    model: options.model,
    price: options.price,
    async complete(request) {
      try {
        const reply =
          request.onDelta === undefined
            ? await whole({ client, options, request })
            : await streamed({ transport, target, write, request });
        return checked(reply, options.model, request);
      } catch (error) {
        throw isTooLate(error)
          ? new AppError('model.timeout', `no answer from ${options.model} for ${options.timeoutMs} ms`, {
              cause: error,
            })
          : toAppError(error);
      }
    },
  };
}

type Attempt = {
  readonly client: OpenAI;
  readonly options: OpenAiOptions;
  readonly request: ModelRequest;
};

async function whole({ client, options, request }: Attempt): Promise<Draft> {
  const { data, response } = await client.chat.completions
    .create({ ...paramsOf(options, request), stream: false }, { signal: request.signal })
    .withResponse();
  const type = response.headers.get('content-type') ?? '';
  if (isPage(type)) throw wrongType(type, 'application/json');
  const choice = data.choices?.[0];
  if (choice === undefined) throw new AppError('model.invalid_response', 'the answer holds no choices');
  const draft = newDraft();
  draft.text = choice.message.content ?? '';
  draft.reasoning = reasoningOf(choice.message);
  draft.finishReason = choice.finish_reason;
  for (const [index, call] of (choice.message.tool_calls ?? []).entries()) {
    if (call.type === 'function')
      draft.calls.set(index, { id: call.id, tool: call.function.name, args: call.function.arguments });
  }
  if (data.usage)
    draft.usage = {
      prompt: data.usage.prompt_tokens,
      completion: data.usage.completion_tokens,
      total: data.usage.total_tokens,
    };
  return draft;
}

type Streaming = Pick<Attempt, 'request'> & {
  readonly transport: Transport;
  readonly target: () => Promise<Target>;
  readonly write: (request: ModelRequest) => Buffer;
};

async function streamed({ transport, target, write, request }: Streaming): Promise<Draft> {
  const answer = await transport
    .post(await target(), write(request), request.signal)
    .catch((cause: Error) => {
      throw new APIConnectionError({ cause });
    });
  if (answer.status < 200 || answer.status > 299) throw await refusal(answer);
  if (isPage(answer.type)) {
    // Read all the same: its connection serves the next call.
    await answer.text();
    throw wrongType(answer.type, 'text/event-stream');
  }
  const draft = newDraft();
  // What came together is handed on together: each time costs the same, however much it is.
  let fresh = '';
  let isAlive = false;
  const gather = (text: string): void => {
    fresh += text;
  };
  const takeText = (text: string): void => {
    isAlive = true;
    addText(draft, text, gather);
  };
  const texts = createTextReader(takeText);
  await answer.events({
    takeSome: texts.takeSome,
    onData(data, event) {
      const text = texts.textOf(data);
      if (text !== undefined) return takeText(text);
      isAlive = true;
      const chunk: unknown = JSON.parse(data);
      const failure = errorOf(chunk, event);
      if (failure !== undefined) throw new APIError(undefined, failure, undefined, answer.headers);
      addChunk(draft, chunk as Chunk, gather);
      texts.learn(data, chunk);
    },
    onRest() {
      if (isAlive) answer.touch();
      isAlive = false;
      const handed = fresh;
      fresh = '';
      if (handed !== '') request.onDelta?.(handed);
    },
  });
  return draft;
}

/** Where and with which headers the SDK would send it; found once, as it takes long and is always the same. */
function findTarget(client: OpenAI): () => Promise<Target> {
  let found: Promise<Target> | undefined;
  return () => {
    found ??= client
      .buildRequest({ method: 'post', path: '/chat/completions', body: {} })
      .then(({ req, url }) => ({ url: new URL(url), headers: Object.fromEntries(new Headers(req.headers)) }));
    return found;
  };
}

/** As the SDK names it. */
async function refusal({ status, headers, text }: Answer): Promise<APIError> {
  const said = await text();
  let parsed: object | undefined;
  try {
    const json: unknown = JSON.parse(said);
    if (typeof json === 'object' && json !== null) parsed = json;
  } catch {
    // A proxy's page; its text says what is known.
  }
  return APIError.generate(status, parsed, parsed === undefined ? said : undefined, headers);
}

/** Endpoints that fail in mid-stream say so in an event. */
function errorOf(chunk: unknown, event: string): object | undefined {
  if (typeof chunk !== 'object' || chunk === null)
    throw new AppError('model.invalid_response', 'an event of the stream is not a JSON object');
  const error: unknown = Reflect.get(chunk, 'error');
  if (typeof error === 'object' && error !== null) return error;
  if (typeof error === 'string') return { message: error };
  return event === 'error' ? chunk : undefined;
}

/** Some servers leave the type out; what is surely wrong is a page. */
const isPage = (type: string): boolean => type.includes('text/html');

const wrongType = (type: string, expected: string): AppError =>
  new AppError(
    'model.invalid_response',
    `the endpoint answered ${type} instead of ${expected}; is base_url right?`,
  );

function isTooLate(error: unknown): boolean {
  const inner: unknown = error instanceof APIConnectionError ? error.cause : error;
  // The latter is that of the global fetch.
  return inner instanceof TooLate || (inner instanceof Error && inner.name === 'TimeoutError');
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof APIConnectionError)
    return new AppError('model.unavailable', `cannot reach the model endpoint: ${causeOf(error)}`, {
      cause: error,
    });
  if (error instanceof APIError) return fromStatus(error);
  // A reset in mid-stream surfaces as a bare TypeError, broken JSON in a chunk as a SyntaxError.
  if (error instanceof SyntaxError)
    return new AppError(
      'model.invalid_response',
      `the endpoint answered something that is not JSON: ${error.message}`,
      { cause: error },
    );
  return new AppError('model.unavailable', `the connection to the model broke: ${causeOf(error)}`, {
    cause: error,
  });
}

function causeOf(error: unknown): string {
  const inner: unknown = error instanceof Error ? (error.cause ?? error) : error;
  return errorMessage(inner);
}

function fromStatus(error: APIError): AppError {
  const status: number | undefined = error.status;
  const details = { status: status ?? null, ...retryAfter(error.headers) };
  const options = { cause: error, details };
  const text = `the model endpoint answered ${status ?? 'an error'}: ${excerpt(error.message, 500)}`;
  if (status === 401 || status === 403)
    return new AppError('model.unauthorized', `${text}. Check models.*.api_key`, options);
  if (status === 429) return new AppError('model.rate_limited', text, options);
  if (status === undefined || status >= 500 || status === 408 || status === 409)
    return new AppError('model.unavailable', text, options);
  if (
    error.code === 'context_length_exceeded' ||
    /context (length|window)|maximum context|too many tokens|prompt is too long/i.test(error.message)
  ) {
    return new AppError('model.context_overflow', text, options);
  }
  return new AppError('model.rejected', text, options);
}

function retryAfter(headers: Headers | undefined): { retryAfterMs?: number } {
  const value = headers?.get('retry-after');
  if (!value) return {};
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) && ms >= 0 ? { retryAfterMs: Math.round(ms) } : {};
}
