/**
 * What is remembered of a turn, decided after it has ended and its reply is out. Whatever goes wrong here is an event
 * in the log of the turn and nothing else.
 */
import { z } from 'zod';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Event, EventBody, EventOf } from '../../domain/event.ts';
import { type Job, type JobEffects, type JobHandler, type NewJob, personLane } from '../../domain/job.ts';
import { conversationKey, type Viewer } from '../../domain/memory.ts';
import type { MemoryStore } from '../../domain/memory-store.ts';
import { type Clock, newId } from '../../domain/runtime.ts';
import type { SessionStore } from '../../domain/session-store.ts';
import type { Turn } from '../../domain/turn.ts';
import type { UsageStore } from '../../domain/usage.ts';
import type { EventStore, TurnStore } from '../../store/store.ts';
import { memoize } from '../memoize.ts';
import type { ModelClient, ModelReply, PlannedCall } from '../model/client.ts';
import { failedCall, respondedCall, usageOf } from '../records.ts';
import { fold, type TurnState } from '../state.ts';
import { taintOfTurn } from '../taint.ts';
import { decisionPrompt, type MemoryDecision, parseDecision } from './decision.ts';
import { keep } from './keep.ts';

export const MEMORY_JOB = 'memory';

export type MemoryJobDeps = {
  readonly turns: Pick<TurnStore, 'get'>;
  readonly events: Pick<EventStore, 'list'>;
  readonly sessions: Pick<SessionStore, 'readOutside'>;
  readonly memories: Pick<MemoryStore, 'search'>;
  readonly usage: Pick<UsageStore, 'add'>;
  readonly enabled: () => boolean;
  readonly models: (turn: Turn) => ModelClient;
  /** What follows when an entry was stored: its vector is made. */
  readonly embed: (turn: Turn, memory: { id: string; updatedAt: number }) => readonly NewJob[];
  /** @throws AppError `limits.budget` when a call of this size would exceed it. */
  readonly requireBudget: (planned: PlannedCall) => Promise<void>;
  readonly redact: (text: string) => string;
  readonly clock: Clock;
};

export const memoryJob = (turn: Pick<Turn, 'id' | 'user'>, now: number): NewJob => ({
  kind: MEMORY_JOB,
  key: `memory ${turn.id}`,
  payload: { turnId: turn.id },
  runAt: now,
  lane: personLane(turn.user),
  afterTurn: turn.id,
});

export const viewerOf = memoize(
  ({ user, workspace, input }: Pick<Turn, 'user' | 'workspace' | 'input'>): Viewer => ({
    user,
    workspace,
    conversation: conversationKey(input),
    direct: input.direct,
  }),
);

/** Whether the answer may hold words from outside, though this turn has read none: those that earlier answers were made of. */
export const mayRepeat = async (
  sessions: Pick<SessionStore, 'readOutside'>,
  turn: Pick<Turn, 'session' | 'ordinal'>,
  { context }: TurnState,
): Promise<boolean> =>
  // Nobody knows what a summary was made of.
  context?.compaction !== undefined || (await sessions.readOutside(turn.session, turn.ordinal));

const payload = z.object({ turnId: z.string() });
/** Entries the model is shown, to correct them instead of adding another. */
const KNOWN = 8;
/** Of the JSON it answers. */
const ANSWER_TOKENS = 200;

export function createMemoryJob(deps: MemoryJobDeps): JobHandler {
  return {
    async run(job: Job, signal: AbortSignal): Promise<JobEffects> {
      const { turnId } = payload.parse(job.payload);
      const turn = deps.enabled() ? await deps.turns.get(turnId) : undefined;
      if (turn === undefined || turn.status !== 'done') return {};
      const log = await deps.events.list(turnId);
      const taint = taintOfTurn(fold(log));
      if (taint !== null) return noted(turn, [undecided(`the turn has read ${taint}`)]);
      return await decide(deps, turn, log, signal);
    },
    givenUp(job, error) {
      const parsed = payload.safeParse(job.payload);
      if (!parsed.success) return {};
      return { note: { turnId: parsed.data.turnId, events: [failed(deps, error)] } };
    },
  };
}

async function decide(
  deps: MemoryJobDeps,
  turn: Turn,
  log: readonly Event[],
  signal: AbortSignal,
): Promise<JobEffects> {
  const state = fold(log);
  const viewer = viewerOf(turn);
  const asked = state.message?.text ?? '';
  const known = await deps.memories.search({ viewer, text: asked, limit: KNOWN });
  const messages = decisionPrompt({
    author: turn.input.author.name,
    direct: turn.input.direct,
    asked,
    answered: (await mayRepeat(deps.sessions, turn, state)) ? '' : (state.finished?.answer ?? ''),
    known: known.map(({ memory }) => memory),
  });
  const size = messages.reduce((sum, message) => sum + message.content.length, 0);
  const models = deps.models(turn);
  const startedAt = deps.clock.monotonic();
  let reply: ModelReply;
  try {
    await deps.requireBudget(models.plan('memory', size, ANSWER_TOKENS));
    reply = await models.call({ role: 'memory', messages, signal });
  } catch (error) {
    if (signal.aborted || isStoreTrouble(error)) throw error;
    const latencyMs = Math.round(deps.clock.monotonic() - startedAt);
    const calls = isOverBudget(error) ? [] : [called(models), failedCall(deps, 'memory', error, latencyMs)];
    return noted(turn, [...calls, failed(deps, error)]);
  }
  await deps.usage.add([usageOf(turn, 'memory', reply, deps.clock)]);
  const outcome = await judge(deps, turn, reply, sourceOf(log));
  // The words of an answer that was refused are not written down: they may hold the secret it was refused for.
  const text = outcome.refused ? '' : deps.redact(reply.text);
  const heard = [called(models), respondedCall('memory', { ...reply, text })];
  return { ...outcome.effects, ...noted(turn, [...heard, ...outcome.events]) };
}

type Outcome = {
  readonly refused: boolean;
  readonly events: readonly EventBody[];
  readonly effects: JobEffects;
};

async function judge(
  deps: MemoryJobDeps,
  turn: Turn,
  reply: ModelReply,
  source: { turnId: string; seq: number } | null,
): Promise<Outcome> {
  const decision = parseDecision(reply.text);
  if (decision === null) {
    const text = 'role memory did not answer with the JSON it was asked for';
    return {
      refused: false,
      events: [failed(deps, new AppError('model.invalid_response', text))],
      effects: {},
    };
  }
  if (!decision.shouldStore) return { refused: false, events: [decided(decision, null)], effects: {} };
  const viewer = viewerOf(turn);
  const similar = await deps.memories.search({ viewer, text: decision.summary, limit: KNOWN });
  const { replaces } = decision.metadata;
  const now = deps.clock.now();
  const kept = keep(
    { redact: deps.redact, newId: () => newId(now), now },
    {
      viewer,
      text: decision.summary,
      scope: decision.scope,
      type: decision.type,
      importance: decision.importance,
      replaces: typeof replaces === 'string' ? replaces : null,
      source,
    },
    similar.map(({ memory }) => memory),
  );
  if ('refusal' in kept) return { refused: true, events: [decided(decision, kept.refusal)], effects: {} };
  const { memory } = kept.change;
  const stored: EventBody = {
    type: 'memory.stored',
    memoryId: memory.id,
    name: memory.name,
    scope: memory.scope,
    owner: memory.owner,
    updated: kept.updated,
  };
  return {
    refused: false,
    events: [decided({ ...decision, scope: memory.scope }, null), stored],
    effects: { memories: [kept.change], jobs: deps.embed(turn, memory) },
  };
}

const called = (models: ModelClient): EventBody => ({
  type: 'model.called',
  role: 'memory',
  model: models.modelOf('memory'),
  round: 1,
});

const noted = (turn: Turn, events: readonly EventBody[]): JobEffects => ({
  note: { turnId: turn.id, events },
});

/** The event that holds the words it was taken from. */
function sourceOf(log: readonly Event[]): { turnId: string; seq: number } | null {
  const words = log.findLast((event) => event.type === 'message.edited' || event.type === 'turn.started');
  return words === undefined ? null : { turnId: words.turnId, seq: words.seq };
}

function decided(decision: MemoryDecision, refusal: string | null): EventBody {
  if (!decision.shouldStore || refusal !== null) return undecided(refusal);
  const { summary, scope, importance, metadata, type: memoryType } = decision;
  return {
    type: 'memory.decided',
    shouldStore: true,
    summary,
    scope,
    memoryType,
    importance,
    metadata: { ...metadata },
    reason: null,
  };
}

const undecided = (reason: string | null): EventOf<'memory.decided'> => ({
  type: 'memory.decided',
  shouldStore: false,
  summary: null,
  scope: null,
  memoryType: null,
  importance: null,
  metadata: {},
  reason,
});

const codeOf = (error: unknown): string => (error instanceof AppError ? error.code : 'turn.internal');

const failed = (deps: Pick<MemoryJobDeps, 'redact'>, error: unknown): EventBody => ({
  type: 'memory.failed',
  errorCode: codeOf(error),
  detail: deps.redact(errorMessage(error)),
});

const isOverBudget = (error: unknown): boolean => codeOf(error) === 'limits.budget';
const isStoreTrouble = (error: unknown): boolean => codeOf(error).startsWith('store.');
