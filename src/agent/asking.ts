/** Asking people: which actions of a batch need it, on which cards, and when not even asking makes sense. */
import { actionDigest, type PlannedAction } from '../domain/approval.ts';
import type { EventOf } from '../domain/event.ts';
import { newSecret } from '../domain/runtime.ts';
import type { Turn } from '../domain/turn.ts';
import { type Effects, type Judged, judge, noEffects } from './actions.ts';
import type { EngineDeps, Run } from './run.ts';
import type { Action } from './state.ts';

type Request = EventOf<'approval.requested'>;

const MINUTE_MS = 60_000;
/** Two cards are read as fast as a third one over both of them. */
const BATCH_FROM = 3;
const TOO_MANY =
  'Not asked: there were too many requests for approval in the last minute. Tell the person what is left to do, and stop.';

/** Asks for `first` and for every later action of the batch that needs asking. */
export async function requestApprovals(
  deps: EngineDeps,
  run: Run,
  first: Judged,
  later: readonly Action[],
  extraReason?: string,
): Promise<Effects> {
  const { turn, settings } = run;
  const asked = [first];
  for (const action of later) {
    if (action.status !== 'proposed') continue;
    const judged = await judge(deps, run, action);
    if (!('failure' in judged) && judged.policy.decision === 'ask') asked.push(judged);
  }
  const now = deps.clock.now();
  const recent = await deps.store.approvals.askedSince(turn.session, now - MINUTE_MS);
  const flood = recent >= settings.cardsPerMinute;
  const batch = asked.length >= BATCH_FROM ? newSecret() : undefined;
  const effects = noEffects();
  const cards: Request[] = [];
  for (const judged of asked) {
    const request = requestOf(run, judged, { now, batch, extraReason });
    effects.events.push(request);
    const unasked = flood ? TOO_MANY : deps.nobodyToAsk(turn, judged.policy.terms);
    if (unasked === null) {
      effects.approvals.push(approvalOf(run, judged, request, now));
      cards.push(request);
      continue;
    }
    const { approvalId, index } = request;
    const denied = { decision: 'deny', by: null, byName: null, reason: unasked } as const;
    effects.events.push({ type: 'approval.resolved', approvalId, index, ...denied });
    const told = flood ? FLOOD_NOTICE : unasked;
    effects.deliveries.push(
      deps.render.notice(turn, flood ? `flood:${turn.id}` : `unasked:${approvalId}`, told),
    );
  }
  // Without a card over all of them, each needs its own.
  if (cards.length <= Math.max(settings.maxCards, BATCH_FROM - 1))
    effects.deliveries.push(...cards.flatMap((request) => deps.render.cards(turn, request)));
  if (batch !== undefined && cards.length > 1) effects.deliveries.push(...deps.render.batchCard(turn, cards));
  const approvalIds = effects.approvals.map((approval) => approval.id);
  if (approvalIds.length > 0) effects.events.push({ type: 'turn.waiting', approvalIds });
  return effects;
}

const FLOOD_NOTICE =
  'I wanted approval for more actions than may be asked for in a minute, so I did not ask and did not run them. Write again when you have time for them.';

function requestOf(
  { turn, settings }: Run,
  judged: Judged,
  { now, batch, extraReason }: { now: number; batch: string | undefined; extraReason: string | undefined },
): Request {
  const { action, assessment, policy } = judged;
  const { approvers, required, secondPerson } = policy.terms;
  const planned = plannedAction(turn, judged);
  return {
    type: 'approval.requested',
    index: action.index,
    callId: action.callId,
    approvalId: newSecret(),
    action: planned,
    digest: actionDigest(planned),
    risk: policy.risk,
    reasons: [...(extraReason === undefined ? [] : [extraReason]), ...policy.reasons],
    modelReason: action.reason,
    display: assessment.display,
    sandbox: assessment.sandbox ?? null,
    grantable: policy.grantable && extraReason === undefined,
    expiresAt: now + settings.approvalExpiresMs,
    ...(approvers === null ? {} : { approvers: [...approvers] }),
    ...(required === 1 ? {} : { required }),
    ...(secondPerson ? { secondPerson } : {}),
    ...(batch === undefined ? {} : { batch }),
  };
}

function approvalOf(
  { settings }: Run,
  judged: Judged,
  request: Request,
  now: number,
): Effects['approvals'][number] {
  return {
    id: request.approvalId,
    index: request.index,
    action: request.action,
    digest: request.digest,
    risk: request.risk,
    reasons: request.reasons,
    alwaysKey: request.grantable ? judged.assessment.alwaysKey : null,
    expiresAt: request.expiresAt,
    terms: judged.policy.terms,
    batch: request.batch ?? null,
    remindAt: settings.remindAfterMs === null ? null : now + settings.remindAfterMs,
  };
}

function plannedAction(turn: Turn, judged: Judged): PlannedAction {
  const base = {
    tool: judged.tool.name,
    args: judged.args,
    workspace: turn.workspace,
    profile: turn.profile,
  };
  return judged.assessment.files === undefined ? base : { ...base, files: judged.assessment.files };
}
