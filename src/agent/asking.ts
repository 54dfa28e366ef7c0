/** Asking people: which actions of a batch need it, on which cards, and when not even asking makes sense. */
import { actionDigest } from '../domain/approval.ts';
import type { EventBody, EventOf } from '../domain/event.ts';
import { newSecret } from '../domain/runtime.ts';
import type { Turn } from '../domain/turn.ts';
import type { NewApproval, NewDelivery } from '../store/store.ts';
import { type Judged, judge } from './actions.ts';
import type { EngineDeps, Extras, Run } from './run.ts';
import { type Action, actionsOf, type TurnState } from './state.ts';

type Request = EventOf<'approval.requested'>;
/** What requests have in common that are shown on one card, and what decides about them together. */
type Shared = Pick<Request, 'batch' | 'summary'>;

const MINUTE_MS = 60_000;

/** Asks for `first` and for every later action of the batch that needs asking. */
export async function requestApprovals(
  deps: EngineDeps,
  run: Run,
  first: Judged,
  later: readonly Action[],
  extraReason?: string,
): Promise<{ events: EventBody[]; extras: Extras & { approvals: NewApproval[] } }> {
  const { turn, settings } = run;
  const asked = [first];
  for (const action of later) {
    if (action.status !== 'proposed') continue;
    const judged = await judge(deps, run, action);
    if (!('failure' in judged) && judged.policy.decision === 'ask') asked.push(judged);
  }
  const now = deps.clock.now();
  const unaskedOf = ({ policy }: Judged) => deps.nobodyToAsk(turn, policy.terms);
  const askable = asked.filter((judged) => unaskedOf(judged) === null);
  // Requests on a summary count like cards of their own: a turn that goes on at that pace stays on its summary, and has
  // cards again as soon as fewer requests than that fell into the last minute. None is ever turned away.
  const recent = await deps.store.approvals.askedSince(turn.session, now - MINUTE_MS);
  const sharedBy =
    recent >= settings.cardsPerMinute
      ? onSummaries(run.state, askable)
      : askable.length > settings.maxCards
        ? amongPeople(askable)
        : together(asked.length);
  const events: EventBody[] = [];
  const approvals: NewApproval[] = [];
  const notices: NewDelivery[] = [];
  const requests: Request[] = [];
  for (const judged of asked) {
    const unasked = unaskedOf(judged);
    const shared = unasked === null ? sharedBy(judged) : {};
    const request = requestOf(run, judged, { now, extraReason, shared });
    events.push(request);
    if (unasked === null) {
      approvals.push(approvalOf(run, judged, request, now));
      requests.push(request);
      continue;
    }
    const { approvalId, index } = request;
    const denied = { decision: 'deny', by: null, byName: null, reason: unasked } as const;
    events.push({ type: 'approval.resolved', approvalId, index, ...denied });
    notices.push(deps.render.notice(turn, `unasked:${approvalId}`, unasked));
  }
  const approvalIds = approvals.map((approval) => approval.id);
  if (approvalIds.length > 0) events.push({ type: 'turn.waiting', approvalIds });
  const deliveries = (state: TurnState) => [...notices, ...cardsFor(deps, run, state, requests)];
  return { events, extras: { approvals, deliveries } };
}

function cardsFor(
  { render }: EngineDeps,
  { turn, settings, state: before }: Run,
  state: TurnState,
  requests: readonly Request[],
): NewDelivery[] {
  const [first] = requests;
  if (first?.summary !== undefined) {
    const known = new Set(actionsOf(before).map(({ approval }) => approval?.summary));
    const summaries = Map.groupBy(requests, ({ summary }) => summary);
    return [...summaries].flatMap(([summary, those]) =>
      render.summaryCard(turn, state, those, !known.has(summary)),
    );
  }
  const each = requests.length <= settings.maxCards;
  return [...Map.groupBy(requests, ({ batch }) => batch)].flatMap(([batch, those]) => {
    // Without a card over all of them, each needs its own.
    const isShared = batch !== undefined && those.length > 1;
    const own = each || !isShared ? those.flatMap((request) => render.cards(turn, request)) : [];
    return [...own, ...(isShared ? render.batchCard(turn, those) : [])];
  });
}

function together(count: number): () => Shared {
  const shared = count > 1 ? { batch: newSecret() } : {};
  return () => shared;
}

/** Beyond the cards of a minute: the summary that the turn has, or a new one. */
function onSummaries(state: TurnState, asked: readonly Judged[]): (judged: Judged) => Shared {
  const summaries = new Map<string, string>();
  for (const { approval } of actionsOf(state))
    if (approval?.summary !== undefined) summaries.set(peopleOf(approval), approval.summary);
  return amongPeople(asked, (people) => ({ summary: summaries.get(people) ?? newSecret() }));
}

/**
 * Whoever gets a card that stands alone for several requests gets all of it, so requests for other people have one of
 * their own; and what decides about several together decides about nothing that the same card does not show.
 */
function amongPeople(
  asked: readonly Judged[],
  shareBy: (people: string) => Shared = () => ({}),
): (judged: Judged) => Shared {
  const shared = new Map<string, Shared>();
  for (const [people, those] of Map.groupBy(asked, ({ policy }) => peopleOf(policy.terms)))
    shared.set(people, { ...shareBy(people), ...(those.length > 1 ? { batch: newSecret() } : {}) });
  return ({ policy }) => shared.get(peopleOf(policy.terms)) ?? {};
}

type People = Pick<Request, 'secondPerson'> & { readonly approvers?: readonly string[] | null | undefined };

const peopleOf = ({ approvers, secondPerson }: People): string =>
  JSON.stringify([approvers ?? null, secondPerson ?? false]);

function requestOf(
  { turn, settings }: Run,
  judged: Judged,
  { now, extraReason, shared }: { now: number; extraReason: string | undefined; shared: Shared },
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
    sandbox: assessment.sandbox?.(policy.network) ?? null,
    grantable: policy.grantable && extraReason === undefined,
    expiresAt: now + settings.approvalExpiresMs,
    ...(approvers === null ? {} : { approvers: [...approvers] }),
    ...(required === 1 ? {} : { required }),
    ...(secondPerson ? { secondPerson } : {}),
    ...shared,
  };
}

function approvalOf({ settings }: Run, judged: Judged, request: Request, now: number): NewApproval {
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

function plannedAction(turn: Turn, judged: Judged): Request['action'] {
  const { files } = judged.assessment;
  const { network } = judged.policy;
  return {
    tool: judged.tool.name,
    args: judged.args,
    workspace: turn.workspace,
    profile: turn.profile,
    ...(files === undefined ? {} : { files }),
    ...(network.length === 0 ? {} : { network: [...network] }),
  };
}
