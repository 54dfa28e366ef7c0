/** Text as vectors, from an OpenAI-compatible endpoint: one plain request, no SDK to load for it. */
import { z } from 'zod';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Metrics } from '../../domain/runtime.ts';
import type { PlannedCall } from './client.ts';
import { excerpt } from './excerpt.ts';
import type { OpenAiOptions } from './openai.ts';

export type Embedded = {
  /** Of length 1, so that a product of two tells how alike they are. */
  readonly vector: Float32Array;
  readonly promptTokens: number;
  readonly cost: number;
};

export type Embedder = {
  readonly model: string;
  plan(characters: number): PlannedCall;
  /** One attempt. @throws AppError `model.*` */
  embed(text: string, signal: AbortSignal): Promise<Embedded>;
};

/** Most models read 8,192 tokens; what is longer is embedded by its beginning. */
const MAX_CHARACTERS = 8_000;
const CHARACTERS_PER_TOKEN = 4;

const answer = z.object({
  data: z.tuple([z.object({ embedding: z.array(z.number()).min(1) })], z.unknown()),
  usage: z.object({ prompt_tokens: z.number() }).optional(),
});

export type EmbedderDeps = {
  readonly options: Pick<OpenAiOptions, 'baseUrl' | 'apiKey' | 'model' | 'timeoutMs' | 'price'>;
  readonly metrics: Metrics;
};

export function createEmbedder({ options, metrics }: EmbedderDeps): Embedder {
  const { model, price } = options;
  const costOf = (tokens: number) => (tokens * price.input) / 1e6;
  return {
    model,
    plan(characters) {
      const tokens = Math.ceil(Math.min(characters, MAX_CHARACTERS) / CHARACTERS_PER_TOKEN);
      return { tokens, cost: costOf(tokens) };
    },
    async embed(text, signal) {
      const input = text.slice(0, MAX_CHARACTERS).toWellFormed();
      try {
        const parsed = answer.parse(await post(options, input, signal));
        const promptTokens = parsed.usage?.prompt_tokens ?? Math.ceil(input.length / CHARACTERS_PER_TOKEN);
        return { vector: toUnit(parsed.data[0].embedding), promptTokens, cost: costOf(promptTokens) };
      } catch (error) {
        if (signal.aborted && signal.reason instanceof Error && signal.reason.name === 'AbortError')
          throw error;
        const failure = toAppError(error);
        metrics.count('parley_model_failures_total', { role: 'embedding', code: failure.code });
        throw failure;
      }
    },
  };
}

async function post(options: EmbedderDeps['options'], input: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(`${options.baseUrl.replace(/\/+$/, '')}/embeddings`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(options.apiKey === '' ? {} : { authorization: `Bearer ${options.apiKey}` }),
    },
    body: JSON.stringify({ model: options.model, input, encoding_format: 'float' }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]),
  });
  if (response.ok) return await response.json();
  const text = `the embedding endpoint answered ${response.status}: ${excerpt(await response.text(), 300)}`;
  if (response.status === 401 || response.status === 403) throw new AppError('model.unauthorized', text);
  if (response.status === 429) throw new AppError('model.rate_limited', text);
  throw new AppError(response.status >= 500 ? 'model.unavailable' : 'model.rejected', text);
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof SyntaxError || error instanceof z.ZodError)
    return new AppError(
      'model.invalid_response',
      'the embedding endpoint answered something that is no vector',
      {
        cause: error,
      },
    );
  if (error instanceof Error && error.name === 'TimeoutError')
    return new AppError('model.timeout', 'the embedding endpoint did not answer in time', { cause: error });
  return new AppError('model.unavailable', `cannot reach the embedding endpoint: ${errorMessage(error)}`, {
    cause: error,
  });
}

function toUnit(values: readonly number[]): Float32Array {
  const length = Math.hypot(...values) || 1;
  return Float32Array.from(values, (value) => value / length);
}
