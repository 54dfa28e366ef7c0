/** What time does to requests: reminds of them, lets them expire, and closes cards that are decided in full. */
import { fold } from '../agent/state.ts';
import type { Approval } from '../domain/approval.ts';
import { errorMessage } from '../domain/errors.ts';
import type { NewDelivery, Store } from '../store/store.ts';
import { type ApprovalsDeps, type FoundRequest, findRequest } from './approvals.ts';
import { settledBatchCards } from './batch-card.ts';
import type { Request } from './cards.ts';
import { neverAsked, wasShown } from './lost-cards.ts';
import { reminders, settledCards, showings } from './settled-cards.ts';

export type ApprovalClock = {
  start(): void;
  stop(): Promise<void>;
};

export type ApprovalClockDeps = Pick<ApprovalsDeps, 'cards' | 'clock' | 'log' | 'metrics'> & {
  readonly store: Pick<Store, 'approvals' | 'turns' | 'events' | 'outbox' | 'onChange'>;
};

/** Deadlines are looked at again at least this often: timers longer than 24 days overflow, and clocks get set. */
const LONGEST_SLEEP_MS = 60_000;
const AT_ONCE = 100;

export function createApprovalClock(deps: ApprovalClockDeps): ApprovalClock {
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let sweeping: Promise<void> = Promise.resolve();
  let unsubscribe = () => {};

  const sweep = (): void => {
    clearTimeout(timer);
    sweeping = sweeping.then(sweepAndSchedule).catch((error: unknown) => {
      deps.log.error({ detail: errorMessage(error) }, 'cannot expire approvals; trying again');
      if (running) timer = setTimeout(sweep, 1_000);
    });
  };

  async function sweepAndSchedule(): Promise<void> {
    if (!running) return;
    const next = await sweepApprovals(deps);
    if (next === undefined || !running) return;
    clearTimeout(timer);
    timer = setTimeout(sweep, Math.min(LONGEST_SLEEP_MS, Math.max(0, next - deps.clock.now())));
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
  };
}

/** Does all that is due. Resolves to when something is due next. */
export async function sweepApprovals(deps: ApprovalClockDeps): Promise<number | undefined> {
  const { approvals } = deps.store;
  for (const approval of await approvals.overdue(deps.clock.now(), AT_ONCE)) await expire(deps, approval);
  for (const approval of await approvals.forgotten(deps.clock.now(), AT_ONCE)) await remind(deps, approval);
  for (const { batch, turnId } of await approvals.decidedBatches(AT_ONCE))
    await closeBatch(deps, batch, turnId);
  return approvals.nextDeadline();
}

async function expire(deps: ApprovalClockDeps, approval: Approval): Promise<void> {
  const found = await findRequest(deps, approval.id);
  const lost = found === undefined ? [] : await unseen(deps, found);
  const result = await deps.store.approvals.decide({
    id: approval.id,
    decision: 'expired',
    by: null,
    byName: null,
    now: deps.clock.now(),
    deliveries: ({ index }, events) =>
      found === undefined
        ? []
        : [...settledCards(found.turn, fold(events), index, 'decided', deps.cards), ...lost],
  });
  if (result.outcome === 'decided') deps.metrics.count('parley_approvals_total', { decision: 'expired' });
}

/** What is said about a request that nobody has seen. */
async function unseen(deps: ApprovalClockDeps, found: FoundRequest): Promise<NewDelivery[]> {
  const { turn, events, request } = found;
  const keys = showings(turn, events, request.index, deps.cards);
  return (await wasShown(deps.store.outbox, keys)) ? [] : [neverAsked(turn, request)];
}

async function remind(deps: ApprovalClockDeps, approval: Approval): Promise<void> {
  const found = await findRequest(deps, approval.id);
  await deps.store.approvals.remind(approval.id, deps.clock.now(), (events) =>
    found === undefined
      ? []
      : reminders(found.turn, fold(events), approval.index, approval.createdAt, deps.cards),
  );
}

async function closeBatch(deps: ApprovalClockDeps, batch: string, turnId: string): Promise<void> {
  const turn = await deps.store.turns.get(turnId);
  const approvals = await deps.store.approvals.ofBatch(batch);
  const events = await deps.store.events.list(turnId);
  const shown = new Set(approvals.map((approval) => approval.id));
  const requests = events.filter(
    (event): event is typeof event & Request =>
      event.type === 'approval.requested' && event.summary === undefined && shown.has(event.approvalId),
  );
  const cards =
    turn === undefined || requests.length < 2 ? [] : settledBatchCards(turn, requests, approvals, deps.cards);
  await deps.store.approvals.closeBatch(batch, deps.clock.now(), cards);
}
