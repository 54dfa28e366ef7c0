/** Takes decisions, whatever way they come, settles every copy of the card, and lets time decide the rest. */
import type { PolicyDecision } from '../agent/policy.ts';
import { fold, foresee } from '../agent/state.ts';
import type { Approval, Decision } from '../domain/approval.ts';
import type { Event, EventBody } from '../domain/event.ts';
import type { Author, UserId } from '../domain/message.ts';
import type { Clock, Logger, Metrics } from '../domain/runtime.ts';
import type { Turn, TurnId } from '../domain/turn.ts';
import type { NewDelivery, Store } from '../store/store.ts';
import { type AccessRules, approversFor, personOf, rolesOf } from './access.ts';
import { decidedText, outcomeText, refusalText, tooLateText, votedText } from './approval-words.ts';
import type { CardOptions, Request } from './cards.ts';
import { cardsBefore, settledCards } from './settled-cards.ts';
import { onSummary } from './summary-card.ts';

export type PersonsDecision = Extract<Decision, 'once' | 'always' | 'deny'>;

export type Answer = {
  readonly accepted: boolean;
  readonly text: string;
  /** It counts, and others have to approve too. */
  readonly isOpen?: true;
};

export type Approvals = {
  /**
   * Resolves, once durable, to what the person who decided is told. Never throws for what they did wrong.
   * @param id of a request, or of a batch of them
   * @param reason of a refusal: the model is told
   */
  decide(id: string, decision: PersonsDecision, by: Author, reason?: string): Promise<Answer>;
  /** Edits of all open cards of a turn that somebody is stopping. */
  settlePending(turnId: TurnId, by: Author): Promise<NewDelivery[]>;
  /** Where a card with a button of this request or batch may be before that person. */
  cardsWith(id: string, user: UserId): Promise<ReturnType<typeof cardsBefore>>;
};

export type ApprovalsDeps = {
  readonly store: Pick<Store, 'approvals' | 'turns' | 'events'>;
  readonly access: () => AccessRules;
  /** What policy says by now; undefined when the action makes no sense any more. */
  readonly review: (
    turn: Turn,
    events: readonly Event[],
    index: number,
  ) => Promise<PolicyDecision | undefined>;
  /** How long an "always" of this turn's profile lasts; null: until it is revoked. */
  readonly alwaysExpiresMs: (turn: Turn) => number | null;
  readonly cards: CardOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

const UNKNOWN: Answer = { accepted: false, text: 'There is no such request for approval.' };

export function createApprovals(deps: ApprovalsDeps): Approvals {
  async function decideOne(
    id: string,
    decision: PersonsDecision,
    by: Author,
    reason?: string,
  ): Promise<Answer> {
    const found = await findRequest(deps, id);
    if (found === undefined) return UNKNOWN;
    const { approval, turn, events } = found;
    const policy = decision === 'deny' ? undefined : await deps.review(turn, events, approval.index);
    const refusal = refusalFor(deps, found, policy, by);
    if (refusal !== null) return refuse(deps, approval, decision, by, refusal);
    if (decision !== 'deny' && approval.status === 'pending' && policy?.decision !== 'ask') {
      // Allowed by now is as good as asked; anything else must not run, whoever presses.
      if (policy?.decision !== 'allow') return forbid(deps, found, policy);
    }
    return settle(deps, found, decision, by, policy, reason);
  }

  return {
    async decide(id, decision, by, reason) {
      const batch = await deps.store.approvals.ofBatch(id);
      if (batch.length === 0) return decideOne(id, decision, by, reason);
      if (decision === 'always')
        return { accepted: false, text: 'Requests asked together can be approved once or denied.' };
      const open = batch.filter((approval) => approval.status === 'pending');
      if (open.length === 0) return { accepted: false, text: 'All of these are decided already.' };
      const answers: Answer[] = [];
      for (const approval of open) answers.push(await decideOne(approval.id, decision, by, reason));
      const others = answers.filter((answer) => !answer.accepted || answer.isOpen === true);
      const done = `${outcomeText(decision, by.name)}: ${answers.length - others.length} of ${answers.length}.`;
      const texts = new Set(others.map((answer) => answer.text));
      return { accepted: answers.every((answer) => answer.accepted), text: [done, ...texts].join(' ') };
    },
    async settlePending(turnId, by) {
      const pending = await deps.store.approvals.pending({ turnId });
      const turn = await deps.store.turns.get(turnId);
      if (turn === undefined) return [];
      const called = pending.map(({ id: approvalId, index }): EventBody => {
        const of = { type: 'approval.resolved', approvalId, index } as const;
        return { ...of, decision: 'cancelled', by: by.id, byName: by.name };
      });
      const now = fold(await deps.store.events.list(turnId));
      const state = foresee(now, turnId, called, deps.clock.now());
      return pending.flatMap(({ index }) => settledCards(turn, state, index, 'decided', deps.cards));
    },
    async cardsWith(id, user) {
      const { approvals } = deps.store;
      const approval = (await approvals.get(id)) ?? (await approvals.ofBatch(id))[0];
      const found = approval && (await findRequest(deps, approval.id));
      if (found === undefined) return [];
      const { summary } = found.request;
      const state = fold(found.events);
      const shared = summary === undefined ? [] : onSummary(state, summary);
      return cardsBefore(
        id,
        user,
        shared.map((action) => action.approval),
      );
    },
  };
}

/** A request with all that is known about it. */
export type FoundRequest = {
  readonly approval: Approval;
  readonly turn: Turn;
  readonly events: readonly Event[];
  readonly request: Request;
};

export async function findRequest(
  { store }: Pick<ApprovalsDeps, 'store'>,
  id: string,
): Promise<FoundRequest | undefined> {
  const approval = await store.approvals.get(id);
  const turn = approval && (await store.turns.get(approval.turnId));
  if (approval === undefined || turn === undefined) return undefined;
  const events = await store.events.list(turn.id);
  const request = events.find(
    (event): event is Event & Request => event.type === 'approval.requested' && event.approvalId === id,
  );
  return request && { approval, turn, events, request };
}

async function settle(
  deps: ApprovalsDeps,
  found: FoundRequest,
  decision: PersonsDecision,
  by: Author,
  policy: PolicyDecision | undefined,
  reason: string | undefined,
): Promise<Answer> {
  const { approval, turn } = found;
  const now = deps.clock.now();
  const lasts = deps.alwaysExpiresMs(turn);
  const required = policy?.decision === 'ask' ? policy.terms.required : 1;
  const result = await deps.store.approvals.decide({
    id: approval.id,
    decision,
    by: by.id,
    byName: by.name,
    person: personOf(deps.access(), by.id),
    required,
    reason,
    now,
    grantExpiresAt: lasts === null ? null : now + lasts,
    deliveries: ({ status, index, votes }, events) => {
      const step = status === 'pending' ? `vote-${votes.length}` : 'decided';
      return settledCards(turn, fold(events), index, step, deps.cards);
    },
  });
  switch (result.outcome) {
    case 'decided':
      deps.metrics.count('parley_approvals_total', { decision });
      return { accepted: true, text: decidedText(result.approval) };
    case 'voted':
      return {
        accepted: true,
        isOpen: true,
        text: votedText(result.approval, Math.max(required, approval.terms.required)),
      };
    case 'already-voted':
      return { accepted: false, text: 'You have approved this already; somebody else has to agree too.' };
    case 'already-decided':
      return { accepted: false, text: tooLateText(result.approval) };
    case 'expired':
      return {
        accepted: false,
        text: 'This request has expired; nothing was run. Ask again if it is still needed.',
      };
    case 'not-grantable':
      return {
        accepted: false,
        text: 'This can only be approved once: it is not the kind of action that may always run.',
      };
    case 'unknown':
      return UNKNOWN;
  }
}

/** Null when this person may decide: by the rules it was asked under, and by those of now (F35). */
function refusalFor(
  deps: ApprovalsDeps,
  { approval, turn }: FoundRequest,
  policy: PolicyDecision | undefined,
  by: Author,
): string | null {
  const access = deps.access();
  const asked = approversFor(access, turn.user, approval.terms);
  const now = policy?.decision === 'ask' ? approversFor(access, turn.user, policy.terms) : asked;
  const may = asked.filter((id) => now.includes(id));
  if (may.includes(by.id) && rolesOf(access, by).length > 0) return null;
  const listed = (approval.terms.approvers ?? access.approvers).includes(by.id);
  const own = listed && personOf(access, by.id) === personOf(access, turn.user);
  return refusalText(may, own);
}

async function refuse(
  deps: ApprovalsDeps,
  approval: Approval,
  decision: PersonsDecision,
  by: Author,
  text: string,
): Promise<Answer> {
  deps.metrics.count('parley_approvals_refused_total');
  deps.log.warn(
    { approval: approval.id.slice(0, 6), turn: approval.turnId, by: by.id, decision },
    'approval refused: not an approver',
  );
  const { id } = approval;
  await deps.store.approvals.recordRefusal({
    id,
    decision,
    by: by.id,
    byName: by.name,
    now: deps.clock.now(),
  });
  return { accepted: false, text };
}

/** The rules became stricter while it waited: nobody can approve it any more. */
async function forbid(
  deps: ApprovalsDeps,
  found: FoundRequest,
  policy: PolicyDecision | undefined,
): Promise<Answer> {
  const reason =
    policy === undefined
      ? 'the action cannot be run any more under the configuration of now'
      : `${policy.rule} forbids it by now`;
  await deps.store.approvals.decide({
    id: found.approval.id,
    decision: 'deny',
    by: null,
    byName: null,
    reason,
    now: deps.clock.now(),
    deliveries: ({ index }, events) => settledCards(found.turn, fold(events), index, 'decided', deps.cards),
  });
  deps.metrics.count('parley_approvals_total', { decision: 'deny' });
  return { accepted: false, text: `Not run: ${reason}.` };
}
