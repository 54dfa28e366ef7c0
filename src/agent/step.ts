/** What a turn has to do next. Pure: the engine performs the step, appends what happened and asks again. */
import type { ModelRole } from '../domain/event.ts';
import { type Action, batchOf, mustAnswer, type TurnState } from './state.ts';

export type StepSettings = { readonly planner: 'native' | 'directive'; readonly maxRounds: number };

export type Step =
  | { readonly kind: 'none' }
  /** The model is asked; `tools` says whether it may act. `repair`: its last directive was not valid. */
  | {
      readonly kind: 'call-model';
      readonly role: ModelRole;
      readonly tools: boolean;
      readonly repair: boolean;
    }
  /** An earlier process died inside this model call. */
  | { readonly kind: 'abandon-call'; readonly role: ModelRole }
  | { readonly kind: 'fail-directive'; readonly error: string }
  | { readonly kind: 'exhaust-rounds'; readonly max: number }
  /** Decide by policy and run it, or ask for it and for every later action of the batch that needs asking. */
  | { readonly kind: 'act'; readonly action: Action; readonly later: readonly Action[] }
  | { readonly kind: 'run-approved'; readonly action: Action }
  /** The gateway died while it ran. */
  | { readonly kind: 'recover'; readonly action: Action }
  /** Not tried, because an earlier action of the batch was refused. */
  | { readonly kind: 'skip'; readonly actions: readonly Action[]; readonly reason: string }
  | { readonly kind: 'wait'; readonly approvalIds: readonly string[] }
  | {
      readonly kind: 'finish';
      readonly reason: 'answered' | 'denied' | 'exhausted';
      readonly answer: string;
    };

/** A step of more actions than a person could follow is a model gone wrong, or one that was talked into it. */
const MOST_ACTIONS = 32;
/** How often in a row the model is told that nothing of a step can be used, before it has to answer without acting. */
const MOST_UNUSABLE = 2;

export function nextStep(state: TurnState, settings: StepSettings): Step {
  if (state.finished !== null) return { kind: 'none' };
  if (state.openCall !== null) return { kind: 'abandon-call', role: state.openCall.role };
  if (state.answer !== null) return finish(state, state.answer);
  return nextInBatch(state) ?? nextCall(state, settings);
}

function nextInBatch(state: TurnState): Step | undefined {
  const batch = batchOf(state);
  const refusedAt = batch.find((action) => action.status === 'denied');
  const open = batch.filter((action) => isOpen(action));
  const first = open[0];
  if (first === undefined) return undefined;
  if (refusedAt !== undefined && first.index > refusedAt.index) {
    return {
      kind: 'skip',
      actions: open,
      reason: 'Not run: an earlier action of the same step was refused.',
    };
  }
  const surplus = batch.slice(MOST_ACTIONS).filter((action) => action.status === 'proposed');
  if (surplus.length > 0) {
    return {
      kind: 'skip',
      actions: surplus,
      reason: `Not run: a step has at most ${MOST_ACTIONS} actions.`,
    };
  }
  switch (first.status) {
    case 'approved':
      return { kind: 'run-approved', action: first };
    case 'started':
    case 'interrupted':
      return { kind: 'recover', action: first };
    case 'asked':
      return {
        kind: 'wait',
        approvalIds: open.flatMap((a) => (a.status === 'asked' && a.approval ? [a.approval.approvalId] : [])),
      };
    default:
      return { kind: 'act', action: first, later: open.slice(1) };
  }
}

const isOpen = (action: Action): boolean =>
  action.status !== 'finished' && action.status !== 'denied' && action.status !== 'skipped';

function nextCall(state: TurnState, settings: StepSettings): Step {
  if (mustAnswer(state) || state.actingDone) {
    return { kind: 'call-model', role: 'thinker', tools: false, repair: false };
  }
  // One repair call; a second invalid answer in a row ends the acting.
  if (state.repair !== null && state.repair.attempts > 1)
    return { kind: 'fail-directive', error: state.repair.error };
  if (state.rounds >= settings.maxRounds) return { kind: 'exhaust-rounds', max: settings.maxRounds };
  if (unusableInARow(state) > MOST_UNUSABLE) return { kind: 'exhaust-rounds', max: state.rounds };
  if (settings.planner === 'native')
    return { kind: 'call-model', role: 'thinker', tools: true, repair: false };
  return { kind: 'call-model', role: 'action', tools: true, repair: state.repair !== null };
}

function unusableInARow({ exchanges }: TurnState): number {
  const usable = exchanges.findLastIndex(
    (one) => one.kind === 'response' && one.actions.some((action) => action.result?.unusable !== true),
  );
  return exchanges.slice(usable + 1).filter((one) => one.kind === 'response').length;
}

function finish(state: TurnState, answer: string): Step {
  const reason = state.refused ? 'denied' : state.exhausted ? 'exhausted' : 'answered';
  return { kind: 'finish', reason, answer };
}
