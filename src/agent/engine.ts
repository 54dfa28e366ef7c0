/**
 * Runs one turn: fold its events, ask `nextStep`, perform it, append the result, until it ends or has to wait for a
 * person. Everything it knows is in the log, so a crash, a restart and an approval three days later are one case.
 */
import { AppError, type ErrorCode, errorMessage } from '../domain/errors.ts';
import type { Event, EventBody } from '../domain/event.ts';
import type { Turn, TurnStatus } from '../domain/turn.ts';
import type { ClaimedTurn } from '../store/store.ts';
import * as actions from './actions.ts';
import { requestApprovals } from './asking.ts';
import { callModel } from './call.ts';
import { countEnd, ending, type Finish, hold, stepLines } from './ending.ts';
import { refusalAtExecution } from './last-look.ts';
import type { PolicyDecision } from './policy.ts';
import { type EngineDeps, type Extras, type Live, type Run, reload, tryWrite, write } from './run.ts';
import { type Action, actionsOf, fold } from './state.ts';
import { nextStep, type Step } from './step.ts';

export type Outcome = 'ended' | 'waiting' | 'released';

export type Engine = {
  /** Resolves when the turn ended, waits, or was taken away. @throws AppError `store.*`: the lease then decides. */
  runTurn(claimed: ClaimedTurn, signal: AbortSignal, live: Live): Promise<Outcome>;
  /** What policy says by now about an action that waits for a decision; undefined when it is no action any more. */
  review(turn: Turn, events: readonly Event[], index: number): Promise<PolicyDecision | undefined>;
};

export function createEngine(deps: EngineDeps): Engine {
  return {
    async runTurn(claimed, signal, live) {
      const { turn } = claimed;
      const run: Run = { turn, signal, live, state: fold(claimed.events), settings: deps.settings(turn) };
      try {
        return await drive(deps, run);
      } catch (error) {
        return await onFailure(deps, run, error);
      }
    },
    async review(turn, events, index) {
      const state = fold(events);
      const action = actionsOf(state).find((one) => one.index === index);
      if (action?.approval == null) return undefined;
      const run = { turn, state, settings: deps.settings(turn) };
      const judged = await actions.judge(deps, run, action, action.approval.action);
      return 'failure' in judged ? undefined : judged.policy;
    },
  };
}

async function drive(deps: EngineDeps, run: Run): Promise<Outcome> {
  for (;;) {
    run.signal.throwIfAborted();
    run.settings = deps.settings(run.turn);
    const step = nextStep(run.state, run.settings);
    if (step.kind === 'none') return 'ended';
    if (step.kind === 'finish') {
      await end(deps, run, step);
      return 'ended';
    }
    if (step.kind === 'wait') {
      const parked = await tryWrite(
        deps,
        run,
        [{ type: 'turn.waiting', approvalIds: [...step.approvalIds] }],
        { status: 'waiting' },
      );
      if (parked) return 'waiting';
      continue;
    }
    if ((await perform(deps, run, step)) === 'waiting') return 'waiting';
  }
}

async function perform(
  deps: EngineDeps,
  run: Run,
  step: Exclude<Step, { kind: 'none' | 'finish' | 'wait' }>,
): Promise<'on' | 'waiting'> {
  switch (step.kind) {
    case 'call-model':
      await callModel(deps, run, step);
      return 'on';
    case 'abandon-call':
      await write(deps, run, [
        {
          type: 'model.failed',
          role: step.role,
          errorCode: 'aborted',
          detail: 'the gateway stopped during this call',
          latencyMs: 0,
        },
      ]);
      return 'on';
    case 'fail-directive':
      await write(deps, run, [{ type: 'directive.failed', error: step.error }]);
      return 'on';
    case 'exhaust-rounds':
      await write(deps, run, [{ type: 'rounds.exhausted', max: step.max }]);
      return 'on';
    case 'skip':
      await skip(deps, run, step.actions, step.reason);
      return 'on';
    case 'act':
      return act(deps, run, step.action, step.later);
    case 'run-approved':
      await runApproved(deps, run, step.action);
      return 'on';
    case 'recover':
      return recover(deps, run, step.action);
  }
}

async function act(
  deps: EngineDeps,
  run: Run,
  action: Action,
  later: readonly Action[],
): Promise<'on' | 'waiting'> {
  const judged = await actions.judge(deps, run, action);
  if ('failure' in judged) {
    await write(deps, run, [{ ...unrun(action, judged.failure), unusable: true }]);
    return 'on';
  }
  if (judged.policy.decision === 'deny') {
    await refuse(deps, run, judged);
    return 'on';
  }
  if (judged.policy.decision === 'ask') return ask(deps, run, judged, later);
  await runAction(deps, run, judged);
  return 'on';
}

/** Nobody can approve this; the model is told by which rule. */
async function refuse(deps: EngineDeps, run: Run, judged: actions.Judged): Promise<void> {
  const { action, policy, tool } = judged;
  const why = policy.reasons.join('; ') || policy.rule;
  const audit = tool.name === 'shell' ? [actions.auditOf(run.turn, judged, null)] : [];
  await write(deps, run, [
    unrun(action, `Not allowed: ${why.replace(/\.$/, '')}. Nobody can approve this.`),
    ...audit,
  ]);
}

async function ask(
  deps: EngineDeps,
  run: Run,
  judged: actions.Judged,
  later: readonly Action[],
  extraReason?: string,
): Promise<'on' | 'waiting'> {
  const { events, extras } = await requestApprovals(deps, run, judged, later, extraReason);
  const waiting = extras.approvals.length > 0;
  await write(deps, run, events, waiting ? { ...extras, status: 'waiting' } : extras);
  return waiting ? 'waiting' : 'on';
}

async function runApproved(deps: EngineDeps, run: Run, action: Action): Promise<void> {
  const approval =
    action.approval === null ? undefined : await deps.store.approvals.get(action.approval.approvalId);
  const judged = await actions.judge(deps, run, action, approval?.action);
  const refusal = 'failure' in judged ? judged.failure : refusalAtExecution(deps, run.turn, judged, approval);
  if (refusal !== null || 'failure' in judged) {
    const text = refusal ?? 'Refused.';
    await write(deps, run, [unrun(action, text)], {
      deliveries: (state) => deps.render.settled(run.turn, state, action.index, 'ran'),
    });
    return;
  }
  await runAction(deps, run, judged);
}

/** A finished step is never run again; one that was under way is, only if that can do no harm. */
async function recover(deps: EngineDeps, run: Run, action: Action): Promise<'on' | 'waiting'> {
  const judged = await actions.judge(deps, run, action, action.approval?.action);
  if ('failure' in judged) {
    await write(deps, run, [{ ...unrun(action, judged.failure), unusable: true }]);
    return 'on';
  }
  // The rules may have become stricter while nobody was there.
  if (judged.policy.decision === 'deny') {
    await refuse(deps, run, judged);
    return 'on';
  }
  if ((judged.assessment.effect ?? judged.tool.effect) !== 'once') {
    await runAction(deps, run, judged);
    return 'on';
  }
  if (action.status === 'started') {
    const { index, callId, tool } = action;
    await write(deps, run, [{ type: 'tool.interrupted', index, callId, tool }], {
      outputs: [{ index, ...nothing }],
    });
  }
  return ask(deps, run, judged, [], 'the gateway stopped while this ran: whether it took effect is unknown');
}

/** In place of what an action had said before it was cut off. */
const nothing = { start: 0, text: '' };

async function runAction(deps: EngineDeps, run: Run, judged: actions.Judged): Promise<void> {
  const { action, assessment } = judged;
  const { title } = assessment.display;
  if (action.status !== 'started') {
    await write(deps, run, [
      {
        type: 'tool.started',
        index: action.index,
        callId: action.callId,
        tool: action.tool,
        args: judged.args,
        title,
      },
    ]);
  } else {
    // It was under way when the gateway stopped, and begins anew.
    const { id: turnId, fence } = run.turn;
    await deps.store.outputs.keep({ index: action.index, ...nothing, turnId, fence });
  }
  run.live.status(title);
  const { events, outputs } = await actions.run(deps, run.settings, run.turn, judged, run.signal);
  run.live.status(null);
  // The process is going down and has killed it half way: leave it as started, so that the restart asks.
  if (run.signal.aborted && run.signal.reason !== 'stop') return;
  const finished = events.find((event) => event.type === 'tool.finished');
  await write(deps, run, events, {
    outputs,
    deliveries: (state) => deps.render.settled(run.turn, state, action.index, 'ran'),
  });
  if (finished !== undefined) run.live.step({ title, ok: finished.ok, durationMs: finished.durationMs });
}

async function skip(deps: EngineDeps, run: Run, skipped: readonly Action[], reason: string): Promise<void> {
  for (const action of skipped)
    if (action.status === 'asked') await cancelApproval(deps, run, action, reason);
  const events = skipped
    .filter((action) => action.status !== 'asked')
    .map(({ index, callId, tool }): EventBody => ({ type: 'tool.skipped', index, callId, tool, reason }));
  if (events.length > 0) await write(deps, run, events);
}

/** Its row and its event are written by the store, in one transaction with any decision that races with it. */
async function cancelApproval(deps: EngineDeps, run: Run, action: Action, reason: string): Promise<void> {
  if (action.approval === null) return;
  await deps.store.approvals.decide({
    id: action.approval.approvalId,
    decision: 'cancelled',
    by: null,
    byName: null,
    reason,
    now: deps.clock.now(),
    deliveries: (_approval, events) => deps.render.settled(run.turn, fold(events), action.index, 'cancelled'),
  });
  await reload(deps, run);
}

function unrun(action: Action, output: string): EventBody & { type: 'tool.finished' } {
  return {
    type: 'tool.finished',
    index: action.index,
    callId: action.callId,
    tool: action.tool,
    ok: false,
    output,
    metadata: {},
    durationMs: 0,
  };
}

async function end(deps: EngineDeps, run: Run, step: Finish): Promise<void> {
  await hold(run.live);
  const { events, extras } = ending(deps, run, step, run.state);
  await write(deps, run, events, extras);
  countEnd(deps, run.state);
}

async function onFailure(deps: EngineDeps, run: Run, error: unknown): Promise<Outcome> {
  if (run.signal.aborted) {
    if (run.signal.reason !== 'stop') return 'released';
    await finishAs(deps, run, 'cancelled', null, null);
    return 'ended';
  }
  // The database is the trouble, or another worker has the turn: nothing can be appended; the lease decides.
  if (error instanceof AppError && error.code.startsWith('store.')) throw error;
  const code = error instanceof AppError ? error.code : 'turn.internal';
  deps.log.error({ turn: run.turn.id, code, detail: errorMessage(error), error }, 'turn failed');
  await hold(run.live);
  await finishAs(deps, run, 'failed', code, deps.redact(errorMessage(error)), (state) =>
    deps.render.failure(run.turn, code, stepLines(state)),
  );
  return 'ended';
}

async function finishAs(
  deps: EngineDeps,
  run: Run,
  status: Extract<TurnStatus, 'failed' | 'cancelled'>,
  errorCode: ErrorCode | null,
  detail: string | null,
  deliveries?: Extras['deliveries'],
): Promise<void> {
  const open = actionsOf(run.state).filter((action) => action.status === 'asked');
  for (const action of open) await cancelApproval(deps, run, action, 'The work was stopped.');
  await write(deps, run, [{ type: 'turn.finished', reason: status, answer: null, errorCode, detail }], {
    status,
    ...(errorCode === null ? {} : { errorCode }),
    ...(deliveries === undefined ? {} : { deliveries }),
    jobs: deps.followUps(run.turn, status),
  });
  deps.metrics.count('parley_turns_total', { outcome: status });
}
