/** How a model call is written down: its events, and what it counts for. */
import { dayOf } from '../domain/day.ts';
import { AppError, errorMessage } from '../domain/errors.ts';
import type { EventBody, ModelRole } from '../domain/event.ts';
import type { Clock } from '../domain/runtime.ts';
import type { Turn } from '../domain/turn.ts';
import type { UsageDelta } from '../domain/usage.ts';
import type { ModelReply } from './model/client.ts';

export const failedCall = (
  deps: { readonly redact: (text: string) => string },
  role: ModelRole,
  error: unknown,
  latencyMs: number,
): EventBody => ({
  type: 'model.failed',
  role,
  errorCode: error instanceof AppError ? error.code : 'turn.internal',
  detail: deps.redact(errorMessage(error)),
  latencyMs,
});

export function respondedCall(role: ModelRole, reply: ModelReply): EventBody {
  return {
    type: 'model.responded',
    role,
    model: reply.model,
    text: reply.toolCalls.length > 0 ? reply.text : markCut(reply),
    toolCalls: [...reply.toolCalls],
    reasoning: reply.reasoning,
    latencyMs: reply.latencyMs,
    promptTokens: reply.promptTokens,
    completionTokens: reply.completionTokens,
    totalTokens: reply.totalTokens,
    finishReason: reply.finishReason,
  };
}

/** An answer that ran into the token limit says so: half of one is never passed off as whole. */
export const markCut = (reply: Pick<ModelReply, 'text' | 'finishReason'>): string =>
  reply.finishReason === 'length' ? `${reply.text}\n\n*(cut off at the length limit)*` : reply.text;

export function usageOf(
  turn: Pick<Turn, 'user' | 'session'>,
  role: ModelRole,
  reply: ModelReply,
  clock: Clock,
): UsageDelta {
  return {
    day: dayOf(clock.now()),
    user: turn.user,
    conversation: turn.session,
    role,
    model: reply.model,
    promptTokens: reply.promptTokens,
    completionTokens: reply.completionTokens,
    cost: reply.cost,
  };
}
