/** How a turn ends with an answer: what is written about it, and when that is together with the answer itself. */
import { setTimeout } from 'node:timers/promises';
import type { EventBody } from '../domain/event.ts';
import type { StepLine } from '../domain/message.ts';
import type { EngineDeps, Extras, Live, Run } from './run.ts';
import { actionsOf, type TurnState } from './state.ts';
import { nextStep, type Step } from './step.ts';

export type Finish = Extract<Step, { kind: 'finish' }>;
type Ending = { readonly events: EventBody[]; readonly extras: Extras };

export function ending(
  deps: EngineDeps,
  { turn }: Run,
  { reason, answer }: Finish,
  state: TurnState,
): Ending {
  return {
    events: [{ type: 'turn.finished', reason, answer, errorCode: null, detail: null }],
    extras: {
      status: 'done',
      answer,
      deliveries: () => deps.render.answer(turn, answer, stepLines(state)),
      jobs: deps.followUps(turn, 'done'),
    },
  };
}

/** A platform that takes this long to show half an answer gets the whole one nevertheless. */
const LONGEST_HOLD_MS = 2_000;

/** The answer may be delivered by another process as soon as it is written: what shows half of it comes before that. */
export async function hold(live: Live): Promise<void> {
  const showing = live.hold();
  if (showing !== undefined)
    await Promise.race([showing, setTimeout(LONGEST_HOLD_MS, undefined, { ref: false })]);
}

/** What ends the turn in the state that an answer leaves; undefined when it goes on. */
export function closingOf(deps: EngineDeps, run: Run, state: TurnState): Ending | undefined {
  const step = nextStep(state, run.settings);
  return step.kind === 'finish' ? ending(deps, run, step, state) : undefined;
}

export function countEnd(deps: EngineDeps, { finished }: TurnState): void {
  if (finished !== null) deps.metrics.count('parley_turns_total', { outcome: finished.reason });
}

export function stepLines(state: TurnState): StepLine[] {
  return actionsOf(state).flatMap((action) =>
    action.title === null || action.result === null
      ? []
      : [{ title: action.title, ok: action.result.ok, durationMs: action.result.durationMs }],
  );
}
