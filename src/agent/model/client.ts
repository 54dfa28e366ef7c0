/**
 * One call to a model, as the engine sees it: a role, messages, perhaps tools; one complete, checked reply.
 * This is the only place that retries a model call (SDK retries are off), tries fallbacks and counts attempts.
 */

import { setTimeout as wait } from 'node:timers/promises';
import { AppError, type ErrorCode, errorMessage } from '../../domain/errors.ts';
import type { ModelRole, ToolCall } from '../../domain/event.ts';
import type { Clock, Logger, Metrics } from '../../domain/runtime.ts';

export type ChatMessage =
  | { readonly role: 'system'; readonly content: string }
  | { readonly role: 'user'; readonly content: string; readonly imageUrls?: readonly string[] }
  | { readonly role: 'assistant'; readonly content: string; readonly toolCalls?: readonly ToolCall[] }
  | { readonly role: 'tool'; readonly content: string; readonly toolCallId: string };

export type ToolSpec = {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
};

export type Reasoning = 'on' | 'off' | 'low' | 'medium' | 'high';

export type ModelRequest = {
  readonly role: ModelRole;
  readonly messages: readonly ChatMessage[];
  /** Absent, not empty, when the model may not act: some endpoints refuse an empty list. */
  readonly tools?: readonly ToolSpec[];
  readonly signal: AbortSignal;
  /** Text as it arrives. Without it the call is not streamed. */
  readonly onDelta?: (text: string) => void;
  /** What arrived so far is void: the call starts over. */
  readonly onReset?: () => void;
  /** Another attempt follows in `delayMs`. */
  readonly onRetry?: (code: ErrorCode, delayMs: number) => void;
};

export type ModelReply = {
  readonly model: string;
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly reasoning: string | null;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  readonly finishReason: string;
  readonly latencyMs: number;
  /** In the currency of the configured prices; 0 without prices. */
  readonly cost: number;
};

/** A call before it is made: what it may use of a budget. */
export type PlannedCall = { readonly tokens: number; readonly cost: number };

export interface ModelClient {
  /** The model the role would be asked first. */
  modelOf(role: ModelRole): string;
  /** What a call of that many characters would use, with an answer of that many tokens: an estimate. */
  plan(role: ModelRole, characters: number, answerTokens: number): PlannedCall;
  /** @throws AppError `model.*`; an abort by `signal` rejects with `signal.reason`. */
  call(request: ModelRequest): Promise<ModelReply>;
}

/** One attempt against one endpoint, without retries. @throws AppError `model.*` */
export type Endpoint = {
  readonly model: string;
  complete(request: ModelRequest): Promise<Omit<ModelReply, 'cost' | 'latencyMs'>>;
  /** Per million tokens. */
  readonly price: { readonly input: number; readonly output: number };
};

export type ModelClientDeps = {
  /** In order of preference; the first is the role's own, the rest are fallbacks. */
  readonly endpoints: (role: ModelRole) => readonly [Endpoint, ...Endpoint[]];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly random: () => number;
};

/** Attempts at one endpoint. Three bridge a short overload; more would only keep the person waiting. */
const ATTEMPTS = 3;
/** First pause in milliseconds, doubled each time, with full jitter so that many turns do not return at once. */
const BASE_DELAY_MS = 500;
/** A `Retry-After` beyond this is not waited for: the next endpoint or a clear error is better. */
const MAX_DELAY_MS = 20_000;

/** Where nobody counts exactly. English has about four, Japanese about one. */
const CHARACTERS_PER_TOKEN = 4;

export function createModelClient(deps: ModelClientDeps): ModelClient {
  return {
    modelOf: (role) => deps.endpoints(role)[0].model,
    plan(role, characters, answerTokens) {
      const promptTokens = Math.ceil(characters / CHARACTERS_PER_TOKEN);
      const { price } = deps.endpoints(role)[0];
      return {
        tokens: promptTokens + answerTokens,
        cost: (promptTokens * price.input + answerTokens * price.output) / 1e6,
      };
    },
    async call(request) {
      const endpoints = deps.endpoints(request.role);
      let last: AppError | undefined;
      for (const [index, endpoint] of endpoints.entries()) {
        try {
          return await attempts(deps, endpoint, request);
        } catch (error) {
          if (!(error instanceof AppError) || !worthFallback(error)) throw error;
          last = error;
          if (index + 1 < endpoints.length)
            deps.metrics.count('parley_model_fallbacks_total', { role: request.role });
        }
      }
      throw last ?? new AppError('model.unavailable', 'no model endpoint is configured');
    },
  };
}

/** A malformed request or a prompt that is too long fails everywhere alike. */
const worthFallback = (error: AppError): boolean =>
  error.code !== 'model.context_overflow' && error.code !== 'model.rejected';

async function attempts(
  deps: ModelClientDeps,
  endpoint: Endpoint,
  request: ModelRequest,
): Promise<ModelReply> {
  for (let attempt = 1; ; attempt++) {
    request.signal.throwIfAborted();
    const startedAt = deps.clock.monotonic();
    try {
      const reply = await endpoint.complete(request);
      const latencyMs = Math.round(deps.clock.monotonic() - startedAt);
      deps.metrics.observe('parley_model_call_seconds', latencyMs / 1000, { role: request.role });
      const cost =
        (reply.promptTokens * endpoint.price.input + reply.completionTokens * endpoint.price.output) / 1e6;
      return { ...reply, latencyMs, cost };
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      const failure = toAppError(error);
      deps.metrics.count('parley_model_failures_total', { role: request.role, code: failure.code });
      const delay = delayMs(failure, attempt, deps.random);
      if (!failure.retryable || attempt >= maxAttempts(failure) || delay > MAX_DELAY_MS) throw failure;
      deps.log.warn(
        { role: request.role, code: failure.code, attempt, delayMs: delay, detail: failure.message },
        'model call failed, trying again',
      );
      request.onReset?.();
      request.onRetry?.(failure.code, delay);
      await wait(delay, undefined, { signal: request.signal });
    }
  }
}

/** An answer that makes no sense is asked for once more; a model that repeats itself will not get better. */
const maxAttempts = (error: AppError): number => (error.code === 'model.invalid_response' ? 2 : ATTEMPTS);

function delayMs(error: AppError, attempt: number, random: () => number): number {
  const asked = error.details.retryAfterMs;
  if (typeof asked === 'number') return asked;
  const ceiling = BASE_DELAY_MS * 2 ** (attempt - 1);
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('model.unavailable', errorMessage(error), { cause: error });
}
