/** The state of a turn, folded from its events. Pure: the same log gives the same state, whenever it is asked. */
import type { Decision } from '../domain/approval.ts';
import {
  EVENT_VERSION,
  type Event,
  type EventBody,
  type EventOf,
  type FinishReason,
  type ModelRole,
} from '../domain/event.ts';
import type { InboundMessage } from '../domain/message.ts';
import type { TurnId, TurnStatus } from '../domain/turn.ts';
import { type DirectiveAction, parseDirective } from './model/directive.ts';

export type ActionStatus =
  | 'proposed'
  | 'asked'
  | 'approved'
  | 'denied'
  | 'started'
  | 'interrupted'
  | 'finished'
  | 'skipped';

/** One thing the model wants to do. `index` never repeats within a turn. */
export type Action = {
  readonly index: number;
  readonly callId: string;
  readonly tool: string;
  /** JSON text as the model wrote it. */
  readonly args: string;
  readonly reason: string | null;
  /** Why it is no action at all; it fails without being tried. */
  readonly malformed: string | null;
  /** One line for people, once it was started. */
  readonly title: string | null;
  readonly status: ActionStatus;
  readonly approval: EventOf<'approval.requested'> | null;
  /** Names of those who approved, where several have to. */
  readonly voters: readonly string[];
  /** The approvers were asked in private as well. */
  readonly reminded: boolean;
  readonly decision: {
    readonly kind: Decision;
    readonly by: string | null;
    readonly byName: string | null;
    readonly reason?: string | undefined;
  } | null;
  /** What the model is told about it, once there is something to tell. */
  readonly result: {
    readonly ok: boolean;
    readonly text: string;
    readonly durationMs: number;
    /** Holds text from outside, that may try to steer the model. */
    readonly untrusted: boolean;
    /** There was nothing to run: no such tool, or arguments that it does not take. */
    readonly unusable: boolean;
    /** How it ended, in short, for people: "exit 0"; null when it was never started. */
    readonly ending: string | null;
  } | null;
};

/** What happened since the message, in order: the model's answers with their actions, and steered messages. */
export type Exchange =
  | {
      readonly kind: 'response';
      readonly planner: 'native' | 'directive';
      readonly text: string;
      readonly actions: readonly Action[];
    }
  | { readonly kind: 'user'; readonly message: InboundMessage };

export type TurnState = {
  readonly seq: number;
  readonly status: TurnStatus;
  readonly started: EventOf<'turn.started'> | null;
  readonly message: InboundMessage | null;
  readonly exchanges: readonly Exchange[];
  readonly nextIndex: number;
  /** Answers that proposed actions, or could have: what `agent.max_rounds` counts. */
  readonly rounds: number;
  readonly exhausted: boolean;
  readonly directiveFailed: boolean;
  /** The last directive did not parse; its text and error go into the one repair call. */
  readonly repair: { readonly text: string; readonly error: string; readonly attempts: number } | null;
  /** The directive planner has said that there is nothing (more) to do. */
  readonly actingDone: boolean;
  /** Set when a person or the clock refused an action: answer, and act no more. */
  readonly refused: boolean;
  /** The answer, when the model has given it and the turn is not finished yet. */
  readonly answer: string | null;
  /** A model call that has neither answered nor failed: the gateway died in it. */
  readonly openCall: EventOf<'model.called'> | null;
  readonly context: {
    readonly historyFrom: number;
    readonly historyTo: number;
    readonly untrusted?: boolean | undefined;
    readonly memories?: readonly string[] | undefined;
    readonly compaction?: number | undefined;
  } | null;
  readonly finished: { readonly reason: FinishReason; readonly answer: string | null } | null;
};

const initial: TurnState = {
  seq: 0,
  status: 'queued',
  started: null,
  message: null,
  exchanges: [],
  nextIndex: 1,
  rounds: 0,
  exhausted: false,
  directiveFailed: false,
  repair: null,
  actingDone: false,
  refused: false,
  answer: null,
  openCall: null,
  context: null,
  finished: null,
};

export const fold = (events: readonly Event[]): TurnState => events.reduce(apply, initial);

/** The status that the events of a turn come to. */
export const statusOf = (events: readonly Event[]): TurnStatus => fold(events).status;

/** The actions of the latest answer. */
export function batchOf(state: TurnState): readonly Action[] {
  for (let i = state.exchanges.length - 1; i >= 0; i--) {
    const exchange = state.exchanges[i];
    if (exchange?.kind === 'response') return exchange.actions;
  }
  return [];
}

export const actionsOf = (state: TurnState): readonly Action[] =>
  state.exchanges.flatMap((exchange) => (exchange.kind === 'response' ? exchange.actions : []));

export function apply(state: TurnState, event: Event): TurnState {
  return { ...reduce(state, event), seq: event.seq };
}

/** The state that events would leave. */
export const foresee = (
  state: TurnState,
  turnId: TurnId,
  bodies: readonly EventBody[],
  at: number,
): TurnState =>
  bodies.reduce<TurnState>(
    (before, body) => apply(before, { ...body, turnId, seq: before.seq + 1, at, v: EVENT_VERSION }),
    state,
  );

const BESIDE: ReadonlySet<ModelRole> = new Set(['memory', 'reflection', 'embedding']);

function reduce(state: TurnState, event: Event): TurnState {
  // What is noted after the end (memory, reflection) is for the record.
  if (state.finished !== null) return state;
  // So is what roles beside the conversation say while it runs.
  if ('role' in event && BESIDE.has(event.role)) return state;
  switch (event.type) {
    case 'turn.started':
      return { ...state, started: event, message: event.message };
    case 'message.edited':
      return state.message === null ? state : { ...state, message: { ...state.message, text: event.text } };
    case 'message.steered':
      return { ...state, exchanges: [...state.exchanges, { kind: 'user', message: event.message }] };
    case 'model.called':
      return {
        ...state,
        status: 'running',
        openCall: event,
        context: state.context ?? event.context ?? null,
      };
    case 'model.failed':
      return { ...state, openCall: null };
    case 'model.responded':
      return responded({ ...state, openCall: null }, event);
    case 'directive.failed':
      return { ...state, directiveFailed: true, repair: null, actingDone: true };
    case 'rounds.exhausted':
      return { ...state, exhausted: true };
    case 'tool.started':
      return changeAction(state, event.index, { status: 'started', title: event.title });
    case 'tool.finished':
      return changeAction(state, event.index, ({ status }) => ({
        status: 'finished',
        result: {
          ok: event.ok,
          text: event.output,
          durationMs: event.durationMs,
          untrusted: event.untrusted === true,
          unusable: event.unusable === true,
          ending: status === 'started' ? endingOf(event) : null,
        },
      }));
    case 'tool.skipped':
      return changeAction(state, event.index, { status: 'skipped', result: unrun(event.reason) });
    case 'tool.interrupted':
      return changeAction(state, event.index, { status: 'interrupted' });
    case 'approval.requested':
      return changeAction(state, event.index, ({ approval, reminded }) => ({
        status: 'asked',
        approval: event,
        voters: [],
        // Asked anew on the same card, it is to be seen wherever that card is.
        reminded: reminded && event.summary !== undefined && approval?.summary === event.summary,
        decision: null,
      }));
    case 'approval.voted':
      return changeAction(state, event.index, ({ voters }) => ({ voters: [...voters, event.byName] }));
    case 'approval.reminded':
      return changeAction(state, event.index, { reminded: true });
    case 'approval.resolved':
      return resolved(state, event);
    case 'turn.waiting':
      return { ...state, status: 'waiting' };
    case 'history.compacted':
      // In the middle of a turn: what it sees from now on. Before its first call nothing is pinned yet.
      return state.context === null
        ? state
        : {
            ...state,
            context: { ...state.context, historyFrom: event.keptFrom, compaction: event.keptFrom },
          };
    case 'command.audited':
    case 'approval.refused':
    case 'memory.decided':
    case 'memory.stored':
    case 'memory.failed':
      return state;
    case 'turn.finished':
      return {
        ...state,
        status: event.reason === 'failed' || event.reason === 'cancelled' ? event.reason : 'done',
        finished: event,
      };
  }
}

function responded(state: TurnState, event: EventOf<'model.responded'>): TurnState {
  if (event.role === 'action') return directiveResponded(state, event);
  const offered = !mustAnswer(state) && !state.actingDone;
  if (!offered || event.toolCalls.length === 0) return { ...state, answer: event.text };
  const actions = event.toolCalls.map((call, i) =>
    newAction(state.nextIndex + i, call.id, call.tool, call.args, event.text === '' ? null : event.text),
  );
  return withBatch(state, { kind: 'response', planner: 'native', text: event.text, actions });
}

function directiveResponded(state: TurnState, event: EventOf<'model.responded'>): TurnState {
  const parsed = parseDirective(event.text);
  if (!parsed.ok) {
    const attempts = (state.repair?.attempts ?? 0) + 1;
    return { ...state, repair: { text: event.text, error: parsed.error, attempts } };
  }
  if (parsed.actions.length === 0) return { ...state, repair: null, actingDone: true };
  const actions = parsed.actions.map((item, i) => directiveAction(state.nextIndex + i, item));
  return withBatch(
    { ...state, repair: null },
    { kind: 'response', planner: 'directive', text: event.text, actions },
  );
}

function withBatch(state: TurnState, exchange: Extract<Exchange, { kind: 'response' }>): TurnState {
  return {
    ...state,
    exchanges: [...state.exchanges, exchange],
    nextIndex: state.nextIndex + exchange.actions.length,
    rounds: state.rounds + 1,
  };
}

/** Nothing more may be done in this turn: the next call offers no tools, and its text is the answer. */
export const mustAnswer = (state: TurnState): boolean =>
  state.exhausted || state.refused || state.directiveFailed;

function newAction(index: number, callId: string, tool: string, args: string, reason: string | null): Action {
  return {
    index,
    callId,
    tool,
    args,
    reason,
    malformed: null,
    title: null,
    status: 'proposed',
    approval: null,
    voters: [],
    reminded: false,
    decision: null,
    result: null,
  };
}

function directiveAction(index: number, item: DirectiveAction): Action {
  if ('malformed' in item)
    return { ...newAction(index, `action-${index}`, '', '{}', null), malformed: item.malformed };
  return newAction(index, `action-${index}`, item.tool, item.args, item.reason);
}

function resolved(state: TurnState, event: EventOf<'approval.resolved'>): TurnState {
  const approved = event.decision === 'once' || event.decision === 'always';
  const changed = changeAction(state, event.index, {
    status: approved ? 'approved' : 'denied',
    decision: { kind: event.decision, by: event.by, byName: event.byName, reason: event.reason },
    result: approved ? null : unrun(refusalText(event)),
  });
  // The turn goes on once every action before this one is decided; the store readies it by the same rule.
  const earlier = batchOf(changed).some((action) => action.status === 'asked' && action.index < event.index);
  const status = state.status === 'waiting' && earlier ? 'waiting' : 'running';
  return { ...changed, refused: changed.refused || !approved, status };
}

/** What the model hears; it never learns approval ids. */
function refusalText(event: EventOf<'approval.resolved'>): string {
  if (event.decision === 'expired') return 'Not run: the request for approval expired without a decision.';
  if (event.decision === 'cancelled') return 'Not run: the request was cancelled.';
  const why = event.reason === undefined ? '' : ` Reason given: ${event.reason}`;
  return event.byName === null
    ? `Not run: ${event.reason ?? 'nobody is available to approve this.'}`
    : `Not run: ${event.byName} denied it.${why}`;
}

const unrun = (text: string) => {
  return { ok: false, text, durationMs: 0, untrusted: false, unusable: false, ending: null };
};

function endingOf({ ok, metadata }: EventOf<'tool.finished'>): string {
  if (typeof metadata.exitCode === 'number') return `exit ${metadata.exitCode}`;
  return ok ? 'done' : 'failed';
}

type Change = Partial<Action> | ((before: Action) => Partial<Action>);

function changeAction(state: TurnState, index: number, change: Change): TurnState {
  const changed = (action: Action): Action =>
    action.index === index
      ? { ...action, ...(typeof change === 'function' ? change(action) : change) }
      : action;
  const exchanges = state.exchanges.map((exchange) =>
    exchange.kind === 'response' && exchange.actions.some((action) => action.index === index)
      ? { ...exchange, actions: exchange.actions.map(changed) }
      : exchange,
  );
  return { ...state, exchanges };
}
