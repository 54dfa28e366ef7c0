/**
 * One attempt at an OpenAI-compatible endpoint, with every check that a plausible-looking bad answer needs:
 * HTML with status 200, a stream without an end, empty choices, a silent connection. Sole importer of openai.
 */
import OpenAI, { APIConnectionError, APIError } from 'openai';
import type {
  ChatCompletionCreateParams,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { ToolCall } from '../../domain/event.ts';
import type { ChatMessage, Endpoint, ModelReply, ModelRequest, Reasoning } from './client.ts';
import { fromWireName, toWireName } from './wire-name.ts';

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

type Draft = {
  text: string;
  reasoning: string;
  readonly calls: Map<number, { id: string; tool: string; args: string }>;
  finishReason: string | null;
  usage: { prompt: number; completion: number; total: number } | null;
};

export function createOpenAiEndpoint(options: OpenAiOptions): Endpoint {
  const client = new OpenAI({
    baseURL: options.baseUrl,
    // Local servers want no key, the SDK insists on one.
    apiKey: options.apiKey === '' ? 'none' : options.apiKey,
    maxRetries: 0,
    // Silence is timed here, chunk by chunk; the SDK's own limit would end a long answer that is still coming.
    timeout: 24 * 3_600_000,
    logLevel: 'off',
  });
  return {
    model: options.model,
    price: options.price,
    async complete(request) {
      const watch = watchSilence(request.signal, options.timeoutMs);
      try {
        const reply =
          request.onDelta === undefined
            ? await whole(client, options, request, watch)
            : await streamed(client, options, request, watch);
        return checked(reply, options.model, request);
      } catch (error) {
        throw watch.expired()
          ? new AppError('model.timeout', `no answer from ${options.model} for ${options.timeoutMs} ms`, {
              cause: error,
            })
          : toAppError(error);
      } finally {
        watch.end();
      }
    },
  };
}

type Watch = { readonly signal: AbortSignal; touch(): void; expired(): boolean; end(): void };

function watchSilence(outer: AbortSignal, timeoutMs: number): Watch {
  const controller = new AbortController();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    controller.abort();
  }, timeoutMs);
  const onAbort = () => controller.abort(outer.reason);
  outer.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    touch: () => void timer.refresh(),
    expired: () => expired,
    end() {
      clearTimeout(timer);
      outer.removeEventListener('abort', onAbort);
    },
  };
}

async function whole(
  client: OpenAI,
  options: OpenAiOptions,
  request: ModelRequest,
  watch: Watch,
): Promise<Draft> {
  const { data, response } = await client.chat.completions
    .create({ ...body(options, request), stream: false }, { signal: watch.signal })
    .withResponse();
  requireType(response, 'application/json');
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

async function streamed(
  client: OpenAI,
  options: OpenAiOptions,
  request: ModelRequest,
  watch: Watch,
): Promise<Draft> {
  const { data, response } = await client.chat.completions
    .create(
      { ...body(options, request), stream: true, stream_options: { include_usage: true } },
      { signal: watch.signal },
    )
    .withResponse();
  requireType(response, 'text/event-stream');
  const draft = newDraft();
  for await (const chunk of data) {
    watch.touch();
    if (chunk.usage)
      draft.usage = {
        prompt: chunk.usage.prompt_tokens,
        completion: chunk.usage.completion_tokens,
        total: chunk.usage.total_tokens,
      };
    const choice = chunk.choices?.[0];
    if (choice === undefined) continue;
    const delta = choice.delta;
    if (delta?.content) {
      draft.text += delta.content;
      request.onDelta?.(delta.content);
    }
    if (delta) draft.reasoning += reasoningOf(delta);
    for (const call of delta?.tool_calls ?? []) {
      const known = draft.calls.get(call.index) ?? { id: '', tool: '', args: '' };
      if (call.id) known.id = call.id;
      if (call.function?.name) known.tool += call.function.name;
      if (call.function?.arguments) known.args += call.function.arguments;
      draft.calls.set(call.index, known);
    }
    if (choice.finish_reason) draft.finishReason = choice.finish_reason;
  }
  return draft;
}

const newDraft = (): Draft => ({
  text: '',
  reasoning: '',
  calls: new Map(),
  finishReason: null,
  usage: null,
});

/** Not part of OpenAI's own schema; the two names that compatible servers use. */
function reasoningOf(message: object): string {
  for (const key of ['reasoning_content', 'reasoning'] as const) {
    const value: unknown = Reflect.get(message, key);
    if (typeof value === 'string') return value;
  }
  return '';
}

function checked(draft: Draft, model: string, request: ModelRequest): Omit<ModelReply, 'cost' | 'latencyMs'> {
  if (draft.finishReason === null) {
    throw new AppError('model.invalid_response', 'the answer broke off: it ended without a finish reason');
  }
  const taken = new Set<string>();
  const toolCalls: ToolCall[] = [...draft.calls.values()].map((call, index) => ({
    id: uniqueId(call.id, index, taken),
    tool: fromWireName(
      call.tool,
      (request.tools ?? []).map((tool) => tool.name),
    ),
    args: call.args === '' ? '{}' : call.args,
  }));
  const usable = draft.text.trim() !== '' || (request.tools !== undefined && toolCalls.length > 0);
  if (!usable)
    throw new AppError('model.invalid_response', `the answer is empty (finish reason ${draft.finishReason})`);
  const usage = draft.usage ?? { prompt: 0, completion: 0, total: 0 };
  return {
    model,
    text: draft.text,
    toolCalls,
    reasoning: draft.reasoning === '' ? null : draft.reasoning,
    promptTokens: usage.prompt,
    completionTokens: usage.completion,
    totalTokens: usage.total,
    finishReason: draft.finishReason,
  };
}

/** Some servers number every call alike; results are matched by id, so each gets its own. */
function uniqueId(id: string, index: number, taken: Set<string>): string {
  const own = id === '' || taken.has(id) ? `${id === '' ? 'call' : id}-${index + 1}` : id;
  taken.add(own);
  return own;
}

function body(options: OpenAiOptions, request: ModelRequest): Omit<ChatCompletionCreateParams, 'stream'> {
  return {
    model: options.model,
    messages: request.messages.map(toMessage),
    ...(request.tools === undefined || request.tools.length === 0
      ? {}
      : {
          tools: request.tools.map((tool) => ({
            type: 'function' as const,
            function: {
              name: toWireName(tool.name),
              description: tool.description,
              parameters: { ...tool.parameters },
            },
          })),
        }),
    ...tokenLimit(options),
    ...(options.reasoning === null ? {} : { reasoning_effort: effort[options.reasoning] }),
  };
}

/** OpenAI renamed the field; most compatible servers know only the old name. */
function tokenLimit({ baseUrl, maxTokens }: OpenAiOptions): {
  max_completion_tokens?: number;
  max_tokens?: number;
} {
  if (maxTokens === null) return {};
  return new URL(baseUrl).hostname === 'api.openai.com'
    ? { max_completion_tokens: maxTokens }
    : { max_tokens: maxTokens };
}

/** `on` leaves the amount to a middle setting, `off` is the API's own word for no reasoning. */
const effort = {
  on: 'medium',
  off: 'none',
  low: 'low',
  medium: 'medium',
  high: 'high',
} as const satisfies Record<Reasoning, string>;

function toMessage(message: ChatMessage): ChatCompletionMessageParam {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.content };
    case 'user':
      if (message.imageUrls === undefined || message.imageUrls.length === 0)
        return { role: 'user', content: message.content };
      return {
        role: 'user',
        content: [
          { type: 'text', text: message.content },
          ...message.imageUrls.map((url) => ({ type: 'image_url' as const, image_url: { url } })),
        ],
      };
    case 'assistant':
      if (message.toolCalls === undefined || message.toolCalls.length === 0)
        return { role: 'assistant', content: message.content };
      return {
        role: 'assistant',
        content: message.content === '' ? null : message.content,
        tool_calls: message.toolCalls.map((call) => ({
          id: call.id,
          type: 'function',
          function: { name: toWireName(call.tool), arguments: call.args },
        })),
      };
    case 'tool':
      return { role: 'tool', tool_call_id: message.toolCallId, content: message.content };
  }
}

function requireType(response: Response, expected: string): void {
  const type = response.headers.get('content-type') ?? '';
  // Some servers leave the type out; what is surely wrong is a page.
  if (type.includes('text/html')) {
    throw new AppError(
      'model.invalid_response',
      `the endpoint answered ${type} instead of ${expected}; is base_url right?`,
    );
  }
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
  const text = `the model endpoint answered ${status ?? 'an error'}: ${error.message.slice(0, 500)}`;
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
