/** An answer of a model as it comes together, and what it must be when it is whole. */
import { AppError } from '../../domain/errors.ts';
import type { ToolCall } from '../../domain/event.ts';
import type { ModelReply, ModelRequest } from './client.ts';
import { fromWireName } from './wire-name.ts';

export type Draft = {
  text: string;
  reasoning: string;
  readonly calls: Map<number, { id: string; tool: string; args: string }>;
  finishReason: string | null;
  usage: { prompt: number; completion: number; total: number } | null;
};

/** What is read of an event of a stream; compatible servers leave out what they do not know. */
export type Chunk = {
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly total_tokens: number;
  } | null;
  readonly choices?: readonly {
    readonly delta?: {
      readonly content?: string | null;
      readonly tool_calls?: readonly {
        readonly index: number;
        readonly id?: string;
        readonly function?: { readonly name?: string; readonly arguments?: string };
      }[];
    };
    readonly finish_reason?: string | null;
  }[];
};

export const newDraft = (): Draft => ({
  text: '',
  reasoning: '',
  calls: new Map(),
  finishReason: null,
  usage: null,
});

export function addText(draft: Draft, text: string, onDelta: ModelRequest['onDelta']): void {
  if (text === '') return;
  draft.text += text;
  onDelta?.(text);
}

export function addChunk(draft: Draft, chunk: Chunk, onDelta: ModelRequest['onDelta']): void {
  if (chunk.usage)
    draft.usage = {
      prompt: chunk.usage.prompt_tokens,
      completion: chunk.usage.completion_tokens,
      total: chunk.usage.total_tokens,
    };
  const choice = chunk.choices?.[0];
  if (choice === undefined) return;
  const delta = choice.delta;
  addText(draft, delta?.content ?? '', onDelta);
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

/** Not part of OpenAI's own schema; the two names that compatible servers use. */
export function reasoningOf(message: object): string {
  for (const key of ['reasoning_content', 'reasoning'] as const) {
    const value: unknown = Reflect.get(message, key);
    if (typeof value === 'string') return value;
  }
  return '';
}

export function checked(
  draft: Draft,
  model: string,
  request: ModelRequest,
): Omit<ModelReply, 'cost' | 'latencyMs'> {
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
