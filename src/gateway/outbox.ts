/** Sends what the store says is to be sent: in order per lane, again after a failure, never again after success. */
import type { ChannelAdapter, SendProgress } from '../channels/adapter.ts';
import { AppError, errorMessage } from '../domain/errors.ts';
import type { DeliveryKey, MessageRef, OutboundMessage } from '../domain/message.ts';
import type { Clock, Logger, Metrics } from '../domain/runtime.ts';
import type { Delivery, Store, Taker } from '../store/store.ts';
import type { LiveReplies } from './live-reply.ts';
import { lostOutcome } from './lost-cards.ts';
import { createPump } from './pump.ts';
import { answerKey } from './renderer.ts';

export type Outbox = {
  start(): void;
  /** For what is written and may be sent at once; undefined while nothing is sent here. */
  taker(): Taker | undefined;
  /** Sends what was written for the taker. */
  take(due: readonly Delivery[]): void;
  /** Stops taking deliveries and waits for those under way. */
  stop(): Promise<void>;
};

export type OutboxDeps = {
  readonly store: Pick<Store, 'outbox' | 'onChange'>;
  readonly adapter: (channel: string) => ChannelAdapter | undefined;
  readonly live: LiveReplies;
  readonly worker: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/**
 * Deliveries claimed at once. Lanes keep order, platforms limit the rate themselves, and one of them that makes many wait
 * must not keep the others from their turn.
 */
const CLAIMED = 256;
/** Longer than any platform call with its own retries; only a dead process keeps a lease this long. */
const LEASE_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 5 * 60_000;
/** After this many tries over about a day the person has moved on. */
const MAX_ATTEMPTS = 300;

export function createOutbox(deps: OutboxDeps): Outbox {
  const claimed = new Set<Promise<void>>();
  const handed = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  /** More may be due than there was room for. */
  let isBehind = false;
  let unsubscribe = () => {};

  const rounds = createPump(round);
  const pump = (): void => {
    if (running) rounds.kick();
  };

  async function round(): Promise<void> {
    try {
      for (;;) {
        const free = CLAIMED - claimed.size;
        isBehind = free <= 0;
        if (!running || isBehind) return;
        const due = await deps.store.outbox.claim({
          worker: deps.worker,
          limit: free,
          leaseMs: LEASE_MS,
          now: deps.clock.now(),
        });
        for (const delivery of due) track(delivery, claimed);
        isBehind = due.length === free;
        if (!isBehind) break;
      }
      await schedule();
    } catch (error) {
      deps.log.error({ error, detail: errorMessage(error) }, 'outbox cannot read the database, trying again');
      timer = setTimeout(pump, FIRST_RETRY_MS);
    }
  }

  async function schedule(): Promise<void> {
    clearTimeout(timer);
    const next = await deps.store.outbox.nextDue();
    if (next === undefined || !running) return;
    timer = setTimeout(pump, Math.max(10, next - deps.clock.now()));
  }

  function track(delivery: Delivery, underWay: Set<Promise<void>>): void {
    const work = deliver(deps, delivery).then((isDone) => {
      underWay.delete(work);
      // What follows in its lane is told of by the store.
      if (isBehind || !isDone) pump();
    });
    underWay.add(work);
  }

  return {
    start() {
      running = true;
      unsubscribe = deps.store.onChange('outbox', pump);
      pump();
    },
    taker: () => (running ? { worker: deps.worker, leaseMs: LEASE_MS } : undefined),
    take(due) {
      for (const delivery of due) track(delivery, handed);
    },
    async stop() {
      running = false;
      unsubscribe();
      clearTimeout(timer);
      await rounds.settled();
      await Promise.all([...claimed, ...handed]);
    },
  };
}

/** False when it is still to be sent, or that could not be recorded. Never rejects. */
async function deliver(deps: OutboxDeps, delivery: Delivery): Promise<boolean> {
  try {
    const refs = await transmit(deps, delivery);
    await deps.store.outbox.sent(delivery.key, refs, deps.clock.now());
    deps.metrics.count('parley_deliveries_total', { outcome: 'sent' });
    return true;
  } catch (error) {
    await onFailure(deps, delivery, error);
    return false;
  }
}

async function transmit(deps: OutboxDeps, delivery: Delivery): Promise<readonly MessageRef[]> {
  const { target, message, key } = delivery;
  if (target.kind === 'edit') return editAll(deps, delivery, target.of);
  const to =
    target.kind === 'send' ? target.to : await adapterOf(deps, channelOf(target.user)).directRef(target.user);
  const adapter = adapterOf(deps, to.channel);
  const draft =
    delivery.turnId !== null && key === answerKey(delivery.turnId)
      ? deps.live.take(delivery.turnId)
      : undefined;
  const sent = [...delivery.refs];
  const progress: SendProgress = {
    done: delivery.refs,
    again: delivery.attempts > 0,
    since: delivery.createdAt,
    async onPart(ref) {
      sent.push(ref);
      await deps.store.outbox.progress(key, sent);
    },
  };
  if (draft === undefined) return adapter.send(to, message, key, progress);
  try {
    return await draft.finish(message, key);
  } catch (error) {
    deps.log.warn(
      { key, detail: errorMessage(error) },
      'live reply could not be finished, sending the answer anew',
    );
    await draft.discard();
    return adapter.send(to, message, key, progress);
  }
}

/**
 * One copy that is gone must not keep the others as they were. A card that still asks is posted anew in the place of one
 * that is gone, or that cannot show all of what it asks by now. @throws the first failure, in the end.
 * @returns where the copies are from now on
 */
async function editAll(
  deps: OutboxDeps,
  delivery: Delivery,
  original: DeliveryKey,
): Promise<readonly MessageRef[]> {
  const { refs, message } = delivery;
  const failures: unknown[] = [];
  const refused: MessageRef[] = [];
  for (const ref of refs) {
    try {
      await adapterOf(deps, ref.where.channel).edit(ref, message);
    } catch (error) {
      failures.push(error);
      refused.push(ref);
    }
  }
  const retryable = failures.find((error) => !(error instanceof AppError) || error.retryable);
  if (retryable !== undefined) throw retryable;
  const [gone] = refused;
  if (gone === undefined) return refs;
  if (message.card === undefined || (message.buttons ?? []).length === 0) throw failures[0];
  const anew = await postAnew(deps, delivery, gone);
  const left = [...refs.filter((ref) => !refused.includes(ref)), ...anew];
  // One that an earlier try has posted is found rather than posted again: it is the card, and keeps its buttons.
  const old = refused.filter((ref) => !anew.some(({ id }) => id === ref.id));
  for (const ref of old) await takeBack(deps, ref, message);
  await deps.store.outbox.moved(original, left);
  return left;
}

function postAnew(deps: OutboxDeps, delivery: Delivery, { where }: MessageRef): Promise<MessageRef[]> {
  const { key, message, attempts, createdAt } = delivery;
  deps.log.info({ key }, 'a card that still asks cannot be edited, posting it anew');
  const progress = { done: [], again: attempts > 0, since: createdAt, async onPart() {} };
  return adapterOf(deps, where.channel).send(where, message, key, progress);
}

/** What it asked is asked elsewhere. Where it is gone, as it mostly is, there is nothing to do. */
async function takeBack(
  deps: OutboxDeps,
  ref: MessageRef,
  { card, ...message }: OutboundMessage,
): Promise<void> {
  if (card === undefined) return;
  const { expiresAt: _expires, ...old } = card;
  const moved = { ...message, buttons: [], card: { ...old, outcome: 'Asked anew in a later message.' } };
  await adapterOf(deps, ref.where.channel)
    .edit(ref, moved)
    .catch((error: unknown) =>
      deps.log.debug({ detail: errorMessage(error) }, 'a card that was posted anew cannot be edited'),
    );
}

const channelOf = (user: string): string => user.slice(0, user.indexOf(':'));

function adapterOf(deps: OutboxDeps, channel: string): ChannelAdapter {
  const adapter = deps.adapter(channel);
  // A channel that is off now may be switched on again: keep the message until it is.
  if (adapter === undefined) throw new AppError('channel.unavailable', `channel ${channel} is not running`);
  return adapter;
}

async function onFailure(deps: OutboxDeps, delivery: Delivery, error: unknown): Promise<void> {
  const retryable = !(error instanceof AppError) || error.retryable;
  const attempts = delivery.attempts + 1;
  const retryAt =
    retryable && attempts < MAX_ATTEMPTS ? deps.clock.now() + retryDelay(error, attempts) : null;
  deps.metrics.count('parley_deliveries_total', { outcome: retryAt === null ? 'given_up' : 'retried' });
  deps.log.warn(
    { key: delivery.key, attempts, retryAt, detail: errorMessage(error) },
    retryAt === null ? 'message could not be delivered' : 'delivery failed, trying again',
  );
  try {
    await deps.store.outbox.failed(delivery.key, errorMessage(error), retryAt, deps.clock.now());
    const notice = retryAt === null ? lostOutcome(delivery) : undefined;
    if (notice !== undefined) await deps.store.outbox.enqueue([notice], deps.clock.now());
  } catch (storeError) {
    // Its lease runs out and it is claimed again.
    deps.log.error(
      { key: delivery.key, detail: errorMessage(storeError) },
      'cannot record a failed delivery',
    );
  }
}

function retryDelay(error: unknown, attempts: number): number {
  const asked = error instanceof AppError ? error.details.retryAfterMs : undefined;
  if (typeof asked === 'number') return asked;
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 12));
}
