/** One model call of a turn: context in, `model.called` before, `model.responded` with its usage after. */
import { AppError, errorMessage } from '../domain/errors.ts';
import type { EventBody, ModelRole } from '../domain/event.ts';
import type { Clock } from '../domain/runtime.ts';
import type { Turn } from '../domain/turn.ts';
import type { HistoryEntry, UsageDelta } from '../store/store.ts';
import { answerContext, type ContextInput, directiveContext } from './context.ts';
import type { ChatMessage, ModelReply, ModelRequest } from './model/client.ts';
import { type EngineDeps, type Run, write } from './run.ts';
import type { Step } from './step.ts';
import { taintOfHistory } from './taint.ts';

type Call = Extract<Step, { kind: 'call-model' }>;
/** What is put before the message. */
type Background = Pick<ContextInput, 'history' | 'memories'>;

export async function callModel(deps: EngineDeps, run: Run, call: Call): Promise<void> {
  await deps.requireBudget();
  const pinned = run.state.context;
  const history = await historyOf(deps, run);
  const memories = await deps.recall(
    run.turn,
    run.settings,
    pinned === null ? undefined : (pinned.memories ?? []),
  );
  const first = history[0];
  const context =
    pinned === null
      ? {
          historyFrom: first?.ordinal ?? run.turn.ordinal,
          historyTo: run.turn.ordinal - 1,
          ...(taintOfHistory(history) ? { untrusted: true } : {}),
          ...(memories.length === 0 ? {} : { memories: memories.map((memory) => memory.id) }),
        }
      : undefined;
  await write(deps, run, [
    {
      type: 'model.called',
      role: call.role,
      model: run.settings.models.modelOf(call.role),
      round: run.state.rounds + 1,
      ...(context === undefined ? {} : { context }),
    },
  ]);
  const startedAt = deps.clock.monotonic();
  let reply: ModelReply;
  try {
    reply = await fitted(deps, run, call, { history, memories });
  } catch (error) {
    // An abort is no failure of the model: the turn is stopped, or the call is abandoned on restart.
    if (!run.signal.aborted && error instanceof AppError) {
      const latencyMs = Math.round(deps.clock.monotonic() - startedAt);
      await write(deps, run, [failedCall(deps, call.role, error, latencyMs)]);
    }
    throw error;
  }
  await write(deps, run, [respondedCall(call.role, reply)], {
    usage: [usageOf(run.turn, call.role, reply, deps.clock)],
  });
  if (run.state.answer === null) run.live.reset();
}

/** A prompt that does not fit is shortened once: the latest quarter of the history is kept. */
async function fitted(deps: EngineDeps, run: Run, call: Call, background: Background): Promise<ModelReply> {
  const { history } = background;
  try {
    return await run.settings.models.call(toRequest(run, call, background));
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'model.context_overflow' || history.length === 0)
      throw error;
    deps.log.warn(
      { turn: run.turn.id, history: history.length },
      'prompt too long, leaving out older history',
    );
    run.live.status('This conversation is long; I am leaving out its older part');
    return run.settings.models.call(
      toRequest(run, call, {
        ...background,
        history: history.slice(history.length - Math.floor(history.length / 4)),
      }),
    );
  }
}

function toRequest(run: Run, call: Call, background: Background): ModelRequest {
  const { settings, state, live } = run;
  const input = { instructions: settings.instructions, ...background, state };
  const specs = settings.tools.specs();
  const directive = call.role === 'action';
  const messages: ChatMessage[] = directive ? directiveContext(input, specs) : answerContext(input);
  return {
    role: call.role,
    messages,
    signal: run.signal,
    ...(call.tools && !directive && specs.length > 0 ? { tools: specs } : {}),
    // A directive is not for reading, so it is not streamed.
    ...(directive ? {} : { onDelta: (text: string) => live.delta(text) }),
    onReset: () => live.reset(),
    onRetry: (_code, delayMs) =>
      live.status(`The model is busy; trying again in ${Math.ceil(delayMs / 1000)} s`),
  };
}

/** What the first call of the turn saw is what every later one sees, also after a restart. */
async function historyOf(deps: EngineDeps, run: Run): Promise<HistoryEntry[]> {
  const pinned = run.state.context;
  // Two messages a turn: what was asked and what was answered.
  const limit = Math.ceil(run.settings.historyMessages / 2);
  if (limit === 0) return [];
  const upTo = pinned?.historyTo ?? run.turn.ordinal - 1;
  const entries = await deps.store.sessions.history(run.turn.session, { limit, upTo });
  return withinBudget(entries, run.settings.contextTokens).filter(
    (entry) => entry.status !== 'cancelled' && entry.ordinal >= (pinned?.historyFrom ?? 0),
  );
}

/** The latest entries that fit: about four characters a token, a quarter kept free for the turn itself. */
function withinBudget(entries: readonly HistoryEntry[], tokens: number): readonly HistoryEntry[] {
  let left = tokens * 4 * 0.75;
  const first = entries.findLastIndex((entry) => {
    left -= entry.input.text.length + (entry.answer?.length ?? 0);
    return left < 0;
  });
  return entries.slice(first + 1);
}

export const failedCall = (
  deps: Pick<EngineDeps, 'redact'>,
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
    day: new Date(clock.now()).toISOString().slice(0, 10),
    user: turn.user,
    conversation: turn.session,
    role,
    model: reply.model,
    promptTokens: reply.promptTokens,
    completionTokens: reply.completionTokens,
    cost: reply.cost,
  };
}
