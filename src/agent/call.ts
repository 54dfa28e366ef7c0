/** One model call of a turn: context in; `model.called`, then `model.responded` with its usage. */
import { AppError } from '../domain/errors.ts';
import type { EventBody } from '../domain/event.ts';
import { compactHard, fitHistory } from './compaction.ts';
import { answerContext, type ContextInput, directiveContext } from './context.ts';
import { closingOf, countEnd, hold } from './ending.ts';
import { type Past, readPast } from './history.ts';
import type { ChatMessage, ModelReply, ModelRequest } from './model/client.ts';
import { type Answered, type Watch, whileRecording } from './recording.ts';
import { failedCall, respondedCall, usageOf } from './records.ts';
import { after, type EngineDeps, type Run, tryWrite, write } from './run.ts';
import type { Step } from './step.ts';
import { taintOfHistory } from './taint.ts';

type Call = Extract<Step, { kind: 'call-model' }>;
/** What is put before the message. */
type Background = Past & Pick<ContextInput, 'memories' | 'skills'>;

/** An answer that ends the turn is written together with the end, and a quick one with its call: they survive together. */
export async function callModel(deps: EngineDeps, run: Run, call: Call): Promise<void> {
  await deps.requireBudget();
  const pinned = run.state.context;
  const past = await pastOf(deps, run);
  const memories = await deps.recall(
    run.turn,
    run.settings,
    pinned === null ? undefined : (pinned.memories ?? []),
  );
  const skills = await deps.skills(run.turn).list();
  const first = past.history[0];
  const context =
    pinned === null
      ? {
          historyFrom: first?.ordinal ?? run.turn.ordinal,
          historyTo: run.turn.ordinal - 1,
          ...(past.untrusted || taintOfHistory(past.history) ? { untrusted: true } : {}),
          ...(memories.length === 0 ? {} : { memories: memories.map((memory) => memory.id) }),
          ...(past.keptFrom === null ? {} : { compaction: past.keptFrom }),
        }
      : undefined;
  const called: EventBody = {
    type: 'model.called',
    role: call.role,
    model: run.settings.models.modelOf(call.role),
    round: run.state.rounds + 1,
    ...(context === undefined ? {} : { context }),
  };
  const startedAt = deps.clock.monotonic();
  let answered: Answered<ModelReply>;
  try {
    answered = await whileRecording(
      () => write(deps, run, [called], { isPatient: true }),
      run,
      (watch) => fitted(deps, run, call, { ...past, memories, skills }, watch),
    );
  } catch (error) {
    // An abort is no failure of the model: the turn is stopped, or the call is abandoned on restart.
    if (!run.signal.aborted && error instanceof AppError) {
      const latencyMs = Math.round(deps.clock.monotonic() - startedAt);
      await write(deps, run, [failedCall(deps, call.role, error, latencyMs)]);
    }
    throw error;
  }
  const { reply, isRecorded } = answered;
  const responded = respondedCall(call.role, reply);
  const events = isRecorded ? [responded] : [called, responded];
  const usage = [usageOf(run.turn, call.role, reply, deps.clock)];
  const end = run.signal.aborted ? undefined : closingOf(deps, run, after(run, events, deps.clock.now()));
  if (end !== undefined) {
    await hold(run.live);
    if (await tryWrite(deps, run, [...events, ...end.events], { ...end.extras, usage }))
      return countEnd(deps, run.state);
  }
  await write(deps, run, events, { usage });
  if (run.state.answer === null) run.live.reset();
}

/** A prompt that does not fit is shortened once. */
async function fitted(
  deps: EngineDeps,
  run: Run,
  call: Call,
  background: Background,
  watch: Watch,
): Promise<ModelReply> {
  try {
    return await run.settings.models.call(toRequest(run, call, background, watch));
  } catch (error) {
    await watch.record();
    const tooLong = error instanceof AppError && error.code === 'model.context_overflow';
    if (!tooLong || background.history.length === 0) throw error;
    const shorter = await compactHard(deps, run, background);
    return run.settings.models.call(toRequest(run, call, { ...background, ...shorter }, watch));
  }
}

function toRequest(
  { settings, state }: Run,
  call: Call,
  background: Background,
  { live, signal }: Watch,
): ModelRequest {
  const input = { instructions: settings.instructions, ...background, state };
  const specs = settings.tools.specs();
  const directive = call.role === 'action';
  const messages: ChatMessage[] = directive ? directiveContext(input, specs) : answerContext(input);
  return {
    role: call.role,
    messages,
    signal,
    ...(call.tools && !directive && specs.length > 0 ? { tools: specs } : {}),
    // A directive is not for reading, so it is not streamed.
    ...(directive ? {} : { onDelta: (text: string) => live.delta(text) }),
    onReset: () => live.reset(),
    onRetry: (_code, delayMs) =>
      live.status(`The model is busy; trying again in ${Math.ceil(delayMs / 1000)} s`),
  };
}

/** What the first call of the turn saw is what every later one sees, also after a restart. */
async function pastOf(deps: EngineDeps, run: Run): Promise<Past> {
  const pinned = run.state.context;
  // Two messages a turn: what was asked and what was answered.
  const turns = Math.ceil(run.settings.historyMessages / 2);
  const { sessions } = deps.store;
  if (pinned !== null) {
    const { historyFrom: from, historyTo: upTo, compaction: keptFrom = null } = pinned;
    return readPast(sessions, run.turn.session, { turns, from, upTo, keptFrom });
  }
  const upTo = run.turn.ordinal - 1;
  if (turns === 0) return readPast(sessions, run.turn.session, { turns, upTo, keptFrom: null });
  return fitHistory(deps, run, await readPast(sessions, run.turn.session, { turns, upTo }), turns);
}
