/**
 * Looks back at a turn that has ended, once its reply is out: loads, asks, applies, and leaves one row that says what
 * came of it, whatever that was. Jobs of one person never run at the same time, so loading and applying are one.
 */
import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { type Job, type JobHandler, type NewJob, personLane } from '../../domain/job.ts';
import type { Memory } from '../../domain/memory.ts';
import type { MemoryStore } from '../../domain/memory-store.ts';
import {
  LESSON_TYPE,
  type Reflection,
  type ReflectionStore,
  type Revivals,
} from '../../domain/reflection.ts';
import { type Clock, newId } from '../../domain/runtime.ts';
import type { SessionStore } from '../../domain/session-store.ts';
import type { Turn } from '../../domain/turn.ts';
import type { UsageStore } from '../../domain/usage.ts';
import type { EventStore, TurnStore } from '../../store/store.ts';
import { namesSkill } from '../context.ts';
import { mayRepeat, viewerOf } from '../memory/after-turn.ts';
import { secretIn } from '../memory/secrets.ts';
import type { ModelClient, ModelReply, PlannedCall } from '../model/client.ts';
import { usageOf } from '../records.ts';
import type { UsedSkill } from '../skills/catalog.ts';
import { actionsOf, fold, type TurnState } from '../state.ts';
import { taintOfTurn } from '../taint.ts';
import { cut, reflectionPrompt } from './inputs.ts';
import { planReflection, type ReflectionPlan } from './plan.ts';
import { type Proposal, parseProposal } from './proposal.ts';

export const REFLECT_JOB = 'reflect';

export type ReflectionSettings = {
  readonly enabled: boolean;
  /** Changes wait for somebody's yes, also those of turns that read nothing but people's own words. */
  readonly review: boolean;
  readonly maxBodyBytes: number;
  readonly cooldownMs: number;
  readonly activityBytes: number;
  readonly storeRaw: boolean;
};

export type ReflectionJobDeps = {
  readonly turns: Pick<TurnStore, 'get'>;
  readonly events: Pick<EventStore, 'list'>;
  readonly sessions: Pick<SessionStore, 'readOutside'>;
  readonly memories: Pick<MemoryStore, 'search' | 'visible' | 'ofOwner' | 'prominent'>;
  readonly reflections: Pick<ReflectionStore, 'counts'>;
  readonly usage: Pick<UsageStore, 'add'>;
  readonly settings: () => ReflectionSettings;
  readonly models: (turn: Turn) => ModelClient;
  readonly contextTokens: (turn: Turn) => number;
  readonly skills: (turn: Turn) => Promise<readonly UsedSkill[]>;
  /** What follows when changes wait for a yes: somebody is asked. */
  readonly askFor: (reflection: Reflection) => readonly NewJob[];
  /** What follows when they are in force: the changed entries are found by meaning too. */
  readonly revivals: Revivals;
  /** @throws AppError `limits.budget` when a call of this size would exceed it. */
  readonly requireBudget: (planned: PlannedCall) => Promise<void>;
  readonly redact: (text: string) => string;
  readonly clock: Clock;
};

type TurnOutcome = 'done' | 'failed' | 'cancelled';

export const reflectJob = (turn: Pick<Turn, 'id' | 'user'>, outcome: TurnOutcome, now: number): NewJob => ({
  kind: REFLECT_JOB,
  key: `reflect ${turn.id}`,
  payload: { turnId: turn.id, userId: turn.user, skill: null, outcome },
  runAt: now,
  lane: personLane(turn.user),
  afterTurn: turn.id,
});

const payload = z.object({
  turnId: z.string(),
  userId: z.string(),
  skill: z.string().nullable(),
  outcome: z.enum(['done', 'failed', 'cancelled']),
});
/** Entries the model may be shown, before they are cut to size. */
const SHOWN = 50;
/** All names of one person: a name is theirs once. */
const NAMES = 10_000;
const ANSWER_TOKENS = 1_500;
const MAX_REASONING = 1_000;
const CHARACTERS_PER_TOKEN = 4;
/** Of the context of the model, for what it is asked; the rest is for the answer. */
const PROMPT_SHARE = 0.75;

export function createReflectionJob(deps: ReflectionJobDeps): JobHandler {
  return {
    async run(job, signal) {
      const settings = deps.settings();
      const { turnId, outcome } = payload.parse(job.payload);
      const turn = settings.enabled ? await deps.turns.get(turnId) : undefined;
      if (turn === undefined) return {};
      const startedAt = deps.clock.monotonic();
      let known: Partial<Reflection> = {};
      try {
        const state = fold(await deps.events.list(turnId));
        const inputs = await load(deps, turn, state, outcome, settings);
        known = { skill: inputs.skill?.name ?? null };
        const reply = await ask(deps, turn, inputs, signal);
        known = { ...known, tokensIn: reply.promptTokens, tokensOut: reply.completionTokens };
        if (settings.storeRaw) known = { ...known, raw: deps.redact(reply.text) };
        const proposal = parseProposal(reply.text);
        if (proposal === null)
          throw new AppError(
            'model.invalid_response',
            'role reflection did not answer with the JSON it was asked for',
          );
        // What comes of a turn that has read text from outside is never written unasked.
        const isAsked = settings.review || taintOfTurn(state) !== null;
        const plan = proposal.abstain ? null : await planFor(deps, turn, inputs, proposal, settings);
        const row = { ...rowOf(deps, job), ...known, ...settled(deps, proposal, plan, isAsked) };
        const durationMs = Math.round(deps.clock.monotonic() - startedAt);
        return {
          reflection: { row: { ...row, durationMs }, marks: plan?.marks ?? [] },
          jobs: row.state === 'staged' ? deps.askFor(row) : deps.revivals(turn, row, 'applied'),
        };
      } catch (error) {
        // Not the work of this job: somebody else goes on with it, or it is tried again.
        if (signal.aborted || codeOf(error).startsWith('store.')) throw error;
        const durationMs = Math.round(deps.clock.monotonic() - startedAt);
        return {
          reflection: {
            row: { ...rowOf(deps, job), ...known, durationMs, errorCode: codeOf(error) },
            marks: [],
          },
        };
      }
    },
    givenUp: (job, error) => ({
      reflection: { row: { ...rowOf(deps, job), errorCode: codeOf(error) }, marks: [] },
    }),
  };
}

const codeOf = (error: unknown): string => (error instanceof AppError ? error.code : 'turn.internal');

function settled(
  deps: Pick<ReflectionJobDeps, 'redact'>,
  proposal: Proposal,
  plan: ReflectionPlan | null,
  isAsked: boolean,
): Partial<Reflection> & Pick<Reflection, 'outcome' | 'state'> {
  const reasoning = reasoningOf(deps, proposal);
  if (plan === null) return { outcome: 'abstained', state: 'none', reasoning };
  const { changes, memoryChanges, skillEdited, rejected, lesson } = plan;
  const state = changes.length === 0 ? 'none' : isAsked ? 'staged' : 'applied';
  return { outcome: 'succeeded', state, reasoning, changes, memoryChanges, skillEdited, rejected, lesson };
}

/** For a list, and for a card: no longer than is read there, and no place for what must not be kept. */
function reasoningOf({ redact }: Pick<ReflectionJobDeps, 'redact'>, { reasoning }: Proposal): string | null {
  if (reasoning === null || secretIn(reasoning) !== null) return null;
  return cut(redact(reasoning), MAX_REASONING);
}

/** The row as far as it is known before anything was tried: a failure. */
function rowOf({ clock }: Pick<ReflectionJobDeps, 'clock'>, job: Job): Reflection {
  const parsed = payload.safeParse(job.payload);
  const now = clock.now();
  return {
    id: newId(now),
    jobId: job.id,
    turnId: parsed.data?.turnId ?? null,
    userId: parsed.data?.userId ?? null,
    skill: parsed.data?.skill ?? null,
    outcome: 'failed',
    state: 'none',
    memoryChanges: 0,
    skillEdited: false,
    rejected: {},
    tokensIn: 0,
    tokensOut: 0,
    durationMs: Math.max(0, now - job.runAt),
    errorCode: null,
    reasoning: null,
    lesson: null,
    changes: [],
    raw: null,
    createdAt: now,
  };
}

type Loaded = {
  readonly entries: readonly Memory[];
  readonly lessons: readonly Memory[];
  readonly skills: readonly UsedSkill[];
  readonly skill: UsedSkill | null;
  readonly seq: number;
  readonly messages: ReturnType<typeof reflectionPrompt>;
};

async function load(
  deps: ReflectionJobDeps,
  turn: Turn,
  state: TurnState,
  outcome: TurnOutcome,
  settings: ReflectionSettings,
): Promise<Loaded> {
  const viewer = viewerOf(turn);
  const skills = await deps.skills(turn);
  const loaded = lastLoaded(state);
  const said = state.message?.text ?? '';
  // One that the message names is in the prompt without being loaded.
  const skill =
    skills.find((one) => one.name === loaded) ?? skills.find((one) => namesSkill(said, one.name)) ?? null;
  const prominent = await deps.memories.prominent({ viewer, limit: SHOWN });
  // What belongs to others, or to all, is not one person's to learn over.
  const entries = prominent
    .filter((entry) => entry.scope === 'user')
    .toSorted((a, b) => b.updatedAt - a.updatedAt);
  const given = await deps.memories.visible(viewer, state.context?.memories ?? []);
  const lessons = given.filter((entry) => entry.type === LESSON_TYPE && entry.scope === 'user');
  const messages = reflectionPrompt({
    outcome,
    state,
    isClean: taintOfTurn(state) === null && !(await mayRepeat(deps.sessions, turn, state)),
    author: turn.input.author.name,
    entries,
    lessons,
    skill,
    activityBytes: settings.activityBytes,
    maxCharacters: deps.contextTokens(turn) * CHARACTERS_PER_TOKEN * PROMPT_SHARE,
  });
  return { entries: withAll(entries, lessons), lessons, skills, skill, seq: state.seq, messages };
}

const withAll = (entries: readonly Memory[], more: readonly Memory[]): Memory[] => [
  ...entries,
  ...more.filter((one) => !entries.some((entry) => entry.id === one.id)),
];

function lastLoaded(state: TurnState): string | null {
  const loads = actionsOf(state).filter(
    (action) => action.tool === 'run_skill' && action.result?.ok === true,
  );
  const args = loads.at(-1)?.args;
  if (args === undefined) return null;
  const parsed = z.object({ name: z.string() }).safeParse(JSON.parse(args));
  return parsed.success ? parsed.data.name : null;
}

async function ask(
  deps: ReflectionJobDeps,
  turn: Turn,
  { messages }: Loaded,
  signal: AbortSignal,
): Promise<ModelReply> {
  const models = deps.models(turn);
  const size = messages.reduce((sum, message) => sum + message.content.length, 0);
  await deps.requireBudget(models.plan('reflection', size, ANSWER_TOKENS));
  const reply = await models.call({ role: 'reflection', messages, signal });
  await deps.usage.add([usageOf(turn, 'reflection', reply, deps.clock)]);
  return reply;
}

async function planFor(
  deps: ReflectionJobDeps,
  turn: Turn,
  { entries, lessons, skills, seq }: Loaded,
  proposal: Proposal,
  settings: ReflectionSettings,
): Promise<ReflectionPlan> {
  const now = deps.clock.now();
  const all = await deps.memories.ofOwner('user', turn.user, NAMES);
  const counts = await deps.reflections.counts(lessons.map((lesson) => lesson.id));
  return planReflection({
    proposal,
    viewer: viewerOf(turn),
    entries,
    takenNames: new Set(all.map((entry) => entry.name)),
    lessons,
    counts,
    skills: new Map(skills.map((skill) => [skill.name, skill])),
    maxBodyBytes: settings.maxBodyBytes,
    cooldownMs: settings.cooldownMs,
    source: { turnId: turn.id, seq },
    redact: deps.redact,
    newId: () => newId(now),
    now,
  });
}
