/** One turn in hand: what it needs from outside, its folded state, and the one way to append to its log. */

import type { Approval, ApprovalTerms } from '../domain/approval.ts';
import { AppError, type ErrorCode } from '../domain/errors.ts';
import type { EventBody, EventOf } from '../domain/event.ts';
import type { NewJob } from '../domain/job.ts';
import type { Memory } from '../domain/memory.ts';
import type { ConversationRef, StepLine, UserId } from '../domain/message.ts';
import type { Clock, Logger, Metrics, StreamingRedact } from '../domain/runtime.ts';
import type { HistoryEntry } from '../domain/session-store.ts';
import type { Skill } from '../domain/skill.ts';
import type { Turn } from '../domain/turn.ts';
import type { Delivery, NewDelivery, Store, Taker, TurnWrite } from '../store/store.ts';
import type { ModelClient, PlannedCall } from './model/client.ts';
import type { PolicyDecision } from './policy.ts';
import { apply, foresee, type TurnState } from './state.ts';
import type { Tools } from './tools/registry.ts';
import type { AnyTool, Assessment, MemoryAccess, SkillAccess } from './tools/tool.ts';

/** What a profile comes to under the configuration of this moment; asked for anew at every step. */
export type TurnSettings = {
  readonly instructions: string;
  readonly planner: 'native' | 'directive';
  readonly maxRounds: number;
  /** Messages of earlier turns in the prompt. */
  readonly historyMessages: number;
  /** Estimated size of the prompt above which older history is left out. */
  readonly contextTokens: number;
  /** Bytes of one tool output in the prompt. */
  readonly promptOutputBytes: number;
  readonly approvalExpiresMs: number;
  /** Time after which the approvers are asked again; null: never. */
  readonly remindAfterMs: number | null;
  /** More requests at once than this share one card. */
  readonly maxCards: number;
  /** Cards a minute in one session; what comes beyond shares one card a turn. */
  readonly cardsPerMinute: number;
  readonly tools: Tools;
  readonly models: ModelClient;
  /** Memories in the prompt; 0: none. */
  readonly recall: number;
  readonly decide: (question: {
    tool: AnyTool;
    args: unknown;
    assessment: Assessment;
    user: UserId;
    where: ConversationRef;
    granted: boolean;
    /** From `taintOf`. */
    untrusted: string | null;
  }) => PolicyDecision;
};

/** Turns what happened into deliveries (pure; implemented by the gateway's renderer). */
export type Render = {
  cards(turn: Turn, request: EventOf<'approval.requested'>): NewDelivery[];
  /** One card that shows all of a batch and decides about all of it. */
  batchCard(turn: Turn, requests: readonly EventOf<'approval.requested'>[]): NewDelivery[];
  /**
   * The card that these share with earlier requests of their summary.
   * @param isNew there are no earlier ones: it is posted, else edited
   */
  summaryCard(
    turn: Turn,
    state: TurnState,
    requests: readonly EventOf<'approval.requested'>[],
    isNew: boolean,
  ): NewDelivery[];
  /** The card of an action that has run, failed or been refused after its approval, or was called off without one. */
  settled(turn: Turn, state: TurnState, index: number, step: 'ran' | 'cancelled'): NewDelivery[];
  answer(turn: Turn, answer: string, steps: readonly StepLine[]): NewDelivery[];
  /** With what was done until then. */
  failure(turn: Turn, code: ErrorCode, steps: readonly StepLine[]): NewDelivery[];
  notice(turn: Turn, key: string, text: string): NewDelivery;
};

/** Where the turn is watched while it runs. Nothing shown here is authoritative. */
export type Live = {
  delta(text: string): void;
  reset(): void;
  status(text: string | null): void;
  step(step: StepLine): void;
  /** Shows nothing until more comes. Resolves when what is being shown is; undefined when nothing is. */
  hold(): Promise<void> | undefined;
};

export type EngineDeps = {
  readonly store: Pick<Store, 'turns' | 'events' | 'approvals' | 'sessions' | 'outputs'>;
  /** Whoever sends is handed what is due, and need not look for it. */
  readonly outbox: { taker(): Taker | undefined; take(due: readonly Delivery[]): void };
  readonly settings: (turn: Turn) => TurnSettings;
  readonly render: Render;
  /** Null when enough people can be asked; else what the requester is told. */
  readonly nobodyToAsk: (turn: Turn, terms: ApprovalTerms) => string | null;
  /** Whether those who approved suffice by the terms of now. */
  readonly agreed: (turn: Turn, terms: ApprovalTerms, approval: Approval) => boolean;
  /** @throws AppError `limits.budget` when no model call may be made any more today. */
  readonly requireBudget: (planned?: PlannedCall) => Promise<void>;
  /** The memories that a message calls to mind, or those of the given ids that may still be seen. */
  readonly recall: (turn: Turn, settings: TurnSettings, ids?: readonly string[]) => Promise<Memory[]>;
  readonly memory: (turn: Turn) => MemoryAccess;
  readonly skills: (turn: Turn) => SkillAccess & { list(): Promise<readonly Skill[]> };
  /** What is to be done once the turn has ended and its reply is out. */
  readonly followUps: (turn: Turn, outcome: 'done' | 'failed' | 'cancelled') => readonly NewJob[];
  /** Before turns leave the prompt: whatever was not weighed for memory yet is. */
  readonly flush: (entries: readonly HistoryEntry[]) => readonly NewJob[];
  /** Takes the gateway's own secrets out of what tools and endpoints say, before it is stored or shown. */
  readonly redact: StreamingRedact;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** Why a turn is taken from its worker: a person stopped it, the process ends, or another worker has it. */
export type StopReason = 'stop' | 'shutdown' | 'lost';

/** One turn in hand: its state moves with every append. */
export type Run = {
  readonly turn: Turn;
  readonly signal: AbortSignal;
  readonly live: Live;
  state: TurnState;
  settings: TurnSettings;
};

export type Extras = Pick<
  TurnWrite,
  'status' | 'errorCode' | 'answer' | 'approvals' | 'jobs' | 'usage' | 'outputs' | 'compaction' | 'isPatient'
> & {
  /** Of the state that is written, which may not be the one that was known when writing began. */
  readonly deliveries?: (state: TurnState) => readonly NewDelivery[];
};

/** Appends, whatever else was appended meanwhile: what happened has happened. */
export async function write(
  deps: EngineDeps,
  run: Run,
  events: readonly EventBody[],
  extras: Extras = {},
): Promise<void> {
  while (!(await tryWrite(deps, run, events, extras))) {
    // A decision on another action of the same turn came in between; the state now holds it.
  }
}

/** False when other events came first; the state holds them then, and nothing was written. */
export async function tryWrite(
  deps: EngineDeps,
  run: Run,
  events: readonly EventBody[],
  { deliveries, ...extras }: Extras,
): Promise<boolean> {
  const now = deps.clock.now();
  const next = after(run, events, now);
  try {
    const taker = deliveries === undefined ? undefined : deps.outbox.taker();
    const { due } = await deps.store.turns.append({
      turnId: run.turn.id,
      expectedSeq: run.state.seq,
      fence: run.turn.fence,
      now,
      events,
      ...extras,
      ...(deliveries === undefined ? {} : { deliveries: deliveries(next) }),
      ...(taker === undefined ? {} : { taker }),
    });
    deps.outbox.take(due);
  } catch (error) {
    if (
      !(error instanceof AppError) ||
      error.code !== 'store.stale_write' ||
      error.details.reason !== 'sequence'
    )
      throw error;
    await reload(deps, run);
    return false;
  }
  run.state = next;
  return true;
}

/** The state that events would leave. */
export const after = ({ turn, state }: Run, bodies: readonly EventBody[], at: number): TurnState =>
  foresee(state, turn.id, bodies, at);

export async function reload(deps: EngineDeps, run: Run): Promise<void> {
  for (const event of await deps.store.events.list(run.turn.id, run.state.seq))
    run.state = apply(run.state, event);
}
