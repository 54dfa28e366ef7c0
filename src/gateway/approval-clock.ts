/** What time does to requests: reminds of them, lets them expire, and closes cards that are decided in full. */
import type { Approval } from '../domain/approval.ts';
import { errorMessage } from '../domain/errors.ts';
import type { Store } from '../store/store.ts';
import { type ApprovalsDeps, decidedCards, findRequest } from './approvals.ts';
import { settledBatchCards } from './batch-card.ts';
import { type Request, reminders } from './cards.ts';
import { neverAsked, wasShown } from './lost-cards.ts';

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
  const told =
    found === undefined ? [] : decidedCards(found, 'Expired without a decision; not run.', deps.cards);
  if (found !== undefined && !(await wasShown(deps.store.outbox, told)))
    told.push(neverAsked(found.turn, found.request));
  const result = await deps.store.approvals.decide({
    id: approval.id,
    decision: 'expired',
    by: null,
    byName: null,
    now: deps.clock.now(),
    deliveries: () => told,
  });
  if (result.outcome === 'decided') deps.metrics.count('parley_approvals_total', { decision: 'expired' });
}

async function remind(deps: ApprovalClockDeps, approval: Approval): Promise<void> {
  const found = await findRequest(deps, approval.id);
  const told = found && reminders(found.turn, found.request, approval.createdAt, deps.cards);
  await deps.store.approvals.remind(approval.id, deps.clock.now(), told ?? []);
}

async function closeBatch(deps: ApprovalClockDeps, batch: string, turnId: string): Promise<void> {
  const turn = await deps.store.turns.get(turnId);
  const approvals = await deps.store.approvals.ofBatch(batch);
  const events = await deps.store.events.list(turnId);
  const shown = new Set(approvals.map((approval) => approval.id));
  const requests = events.filter(
    (event): event is typeof event & Request =>
      event.type === 'approval.requested' && shown.has(event.approvalId),
  );
  const cards =
    turn === undefined || requests.length < 2 ? [] : settledBatchCards(turn, requests, approvals, deps.cards);
  await deps.store.approvals.closeBatch(batch, deps.clock.now(), cards);
}
