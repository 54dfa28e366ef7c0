/** Takes decisions, whatever way they come, settles every copy of the card, and lets time decide the rest. */
import type { Approval, Decision } from '../domain/approval.ts';
import { errorMessage } from '../domain/errors.ts';
import type { EventOf } from '../domain/event.ts';
import type { Author, UserId } from '../domain/message.ts';
import type { Clock, Logger, Metrics } from '../domain/runtime.ts';
import type { Turn, TurnId } from '../domain/turn.ts';
import type { NewDelivery, Store } from '../store/store.ts';
import { type AccessRules, approversFor, rolesOf } from './access.ts';
import { type RendererOptions, settledCards } from './renderer.ts';

export type PersonsDecision = Extract<Decision, 'once' | 'always' | 'deny'>;

export type Approvals = {
  start(): void;
  stop(): Promise<void>;
  /** Resolves, once durable, to what the person who decided is told. Never throws for what they did wrong. */
  decide(
    id: string,
    decision: PersonsDecision,
    by: Author,
  ): Promise<{ readonly accepted: boolean; readonly text: string }>;
  /** Edits of all open cards of a turn that is being stopped. */
  settlePending(turnId: TurnId, outcome: string): Promise<NewDelivery[]>;
};

export type ApprovalsDeps = {
  readonly store: Pick<Store, 'approvals' | 'turns' | 'events' | 'onChange'>;
  readonly access: () => AccessRules;
  readonly secondPerson: (turn: Turn) => boolean;
  readonly renderer: RendererOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** Deadlines are looked at again at least this often: timers longer than 24 days overflow, and clocks get set. */
const LONGEST_SLEEP_MS = 60_000;
const EXPIRE_AT_ONCE = 100;

export function createApprovals(deps: ApprovalsDeps): Approvals {
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let sweeping: Promise<void> = Promise.resolve();
  let unsubscribe = () => {};

  const sweep = (): void => {
    clearTimeout(timer);
    sweeping = sweeping.then(expireAndSchedule).catch((error: unknown) => {
      deps.log.error({ detail: errorMessage(error) }, 'cannot expire approvals; trying again');
      if (running) timer = setTimeout(sweep, 1_000);
    });
  };

  async function expireAndSchedule(): Promise<void> {
    if (!running) return;
    for (const approval of await deps.store.approvals.overdue(deps.clock.now(), EXPIRE_AT_ONCE)) {
      await settle(approval, 'expired', null, 'Expired without a decision; not run.');
    }
    const next = await deps.store.approvals.nextDeadline();
    if (next === undefined || !running) return;
    clearTimeout(timer);
    timer = setTimeout(sweep, Math.min(LONGEST_SLEEP_MS, Math.max(0, next - deps.clock.now())));
  }

  async function settle(approval: Approval, decision: Decision, by: Author | null, outcome: string) {
    const found = await request(approval);
    const deliveries =
      found === undefined ? [] : settledCards(found.turn, found.request, outcome, 'decided', deps.renderer);
    const result = await deps.store.approvals.decide({
      id: approval.id,
      decision,
      by: by?.id ?? null,
      byName: by?.name ?? null,
      now: deps.clock.now(),
      deliveries,
    });
    if (result.outcome === 'decided') deps.metrics.count('parley_approvals_total', { decision });
    return result;
  }

  async function request(
    approval: Approval,
  ): Promise<{ turn: Turn; request: EventOf<'approval.requested'> } | undefined> {
    const turn = await deps.store.turns.get(approval.turnId);
    if (turn === undefined) return undefined;
    for (const event of await deps.store.events.list(approval.turnId)) {
      if (event.type === 'approval.requested' && event.approvalId === approval.id)
        return { turn, request: event };
    }
    return undefined;
  }

  return {
    start() {
      running = true;
      unsubscribe = deps.store.onChange('approvals', sweep);
      sweep();
    },
    async stop() {
      running = false;
      unsubscribe();
      clearTimeout(timer);
      await sweeping;
    },
    async decide(id, decision, by) {
      const approval = await deps.store.approvals.get(id);
      const turn = approval === undefined ? undefined : await deps.store.turns.get(approval.turnId);
      if (approval === undefined || turn === undefined)
        return { accepted: false, text: 'There is no such request for approval.' };
      const refusal = refusalFor(deps, turn, by);
      if (refusal !== null) {
        deps.metrics.count('parley_approvals_refused_total');
        deps.log.warn(
          { approval: id.slice(0, 6), turn: turn.id, by: by.id, decision },
          'approval refused: not an approver',
        );
        await deps.store.approvals.recordRefusal({
          id,
          decision,
          by: by.id,
          byName: by.name,
          now: deps.clock.now(),
        });
        return { accepted: false, text: refusal };
      }
      const result = await settle(approval, decision, by, outcomeText(decision, by.name));
      switch (result.outcome) {
        case 'decided':
          return { accepted: true, text: outcomeText(decision, by.name) };
        case 'already-decided':
          return { accepted: false, text: `Already decided: ${pastText(result.approval)}` };
        case 'expired':
          sweep();
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
          return { accepted: false, text: 'There is no such request for approval.' };
      }
    },
    async settlePending(turnId, outcome) {
      const deliveries: NewDelivery[] = [];
      for (const approval of await deps.store.approvals.pending({ turnId })) {
        const found = await request(approval);
        if (found !== undefined)
          deliveries.push(...settledCards(found.turn, found.request, outcome, 'decided', deps.renderer));
      }
      return deliveries;
    },
  };
}

function refusalFor(deps: ApprovalsDeps, turn: Turn, by: Author): string | null {
  const rules = deps.access();
  const others = approversFor(rules, turn.user, deps.secondPerson(turn));
  if (others.includes(by.id) && rolesOf(rules, by).includes('approver')) return null;
  const who =
    others.length === 0
      ? 'Nobody is set up to approve; an admin can change access.approvers.'
      : `Ask ${others.map(plainName).join(' or ')}.`;
  const own = by.id === turn.user && rules.approvers.includes(by.id);
  return own
    ? `A second person has to decide about your own request. ${who}`
    : `You may not decide about this. ${who}`;
}

const plainName = (user: UserId): string => user.slice(user.indexOf(':') + 1);

function outcomeText(decision: PersonsDecision, name: string): string {
  if (decision === 'deny') return `Denied by ${name}`;
  return decision === 'always' ? `Always allowed by ${name}` : `Approved once by ${name}`;
}

function pastText(approval: Approval): string {
  const name = approval.decidedByName ?? 'somebody';
  switch (approval.decision) {
    case 'once':
    case 'always':
    case 'deny':
      return `${outcomeText(approval.decision, name)}.`;
    case 'expired':
      return 'it expired without a decision.';
    default:
      return 'the work was stopped.';
  }
}
