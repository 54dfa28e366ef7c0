/** Claims turns, runs them through the engine, keeps their leases. Recovery at boot is claiming, nothing else. */
import { setImmediate as loopTurn } from 'node:timers/promises';
import type { Engine, Outcome } from '../agent/engine.ts';
import type { StopReason } from '../agent/run.ts';
import { errorMessage } from '../domain/errors.ts';
import type { Clock, Logger, Metrics } from '../domain/runtime.ts';
import type { TurnId } from '../domain/turn.ts';
import type { ClaimedTurn, Store, Taker } from '../store/store.ts';
import type { LiveReplies } from './live-reply.ts';
import { createPump } from './pump.ts';

export type Worker = {
  start(): Promise<void>;
  /** Stops a turn that runs here; false when it does not. */
  stopTurn(id: TurnId): boolean;
  /** Takes no more turns, waits up to `graceMs` for those in hand, then gives them back. */
  drain(graceMs: number): Promise<void>;
  active(): number;
  /** Room for one turn that is about to be accepted; undefined when there is none, or older ones wait for it. */
  reserve(): Reservation | undefined;
};

/** Exactly one of the two has to be called. */
export type Reservation = {
  readonly taker: Taker;
  take(claimed: ClaimedTurn): void;
  giveBack(): void;
};

export type WorkerDeps = {
  readonly store: Pick<Store, 'turns' | 'onChange' | 'releaseAbandoned'>;
  readonly engine: Engine;
  readonly live: LiveReplies;
  readonly worker: string;
  readonly concurrency: () => number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** How long a dead worker's turns stay unclaimed. Renewed three times in that span. */
const LEASE_MS = 12_000;
/** No event announces the death of another process, or that its leases have run out. */
const SWEEP_MS = 5_000;

/** Of many turns that are ready: what each does first must not hold up everybody else. */
const BEGUN_AT_ONCE = 8;

type InHand = { readonly fence: number; readonly abort: AbortController; done: Promise<void> };

export function createWorker(deps: WorkerDeps): Worker {
  const inHand = new Map<TurnId, InHand>();
  let running = false;
  let reserved = 0;
  /** More turns may be ready than there was room for. */
  let isBehind = true;
  let timers: NodeJS.Timeout[] = [];
  let unsubscribe: readonly (() => void)[] = [];

  const claiming = createPump(claim);
  const pump = (): void => {
    if (running) claiming.kick();
  };

  async function claim(): Promise<void> {
    try {
      for (;;) {
        const free = deps.concurrency() - inHand.size - reserved;
        if (!running) return;
        if (free <= 0) {
          isBehind = true;
          return;
        }
        const claimed = await deps.store.turns.claim({
          worker: deps.worker,
          limit: free,
          leaseMs: LEASE_MS,
          now: deps.clock.now(),
        });
        for (const [index, one] of claimed.entries()) {
          if (index > 0 && index % BEGUN_AT_ONCE === 0) await loopTurn();
          take(one);
        }
        isBehind = claimed.length === free;
        if (!isBehind) return;
      }
    } catch (error) {
      deps.log.error({ detail: errorMessage(error) }, 'cannot claim turns; trying again');
    }
  }

  function take(claimed: ClaimedTurn): void {
    const abort = new AbortController();
    const { turn } = claimed;
    const entry: InHand = { fence: turn.fence, abort, done: Promise.resolve() };
    inHand.set(turn.id, entry);
    deps.metrics.gauge('parley_turns_active', inHand.size);
    if (turn.cancelRequested) abort.abort('stop' satisfies StopReason);
    entry.done = work(claimed, abort.signal).finally(() => {
      inHand.delete(turn.id);
      deps.metrics.gauge('parley_turns_active', inHand.size);
      if (isBehind) pump();
    });
  }

  async function work(claimed: ClaimedTurn, signal: AbortSignal): Promise<void> {
    const { id } = claimed.turn;
    let outcome: Outcome = 'released';
    try {
      outcome = await deps.engine.runTurn(claimed, signal, deps.live.open(claimed.turn));
    } catch (error) {
      deps.log.error(
        { turn: id, detail: errorMessage(error) },
        'turn interrupted; its lease decides who goes on',
      );
    }
    // An answer takes over the draft; where none comes, the draft goes.
    if (outcome === 'ended' && signal.reason !== ('stop' satisfies StopReason)) deps.live.end(id);
    else await deps.live.discard(id);
  }

  async function sweep(): Promise<void> {
    try {
      await deps.store.releaseAbandoned();
    } catch (error) {
      deps.log.error({ detail: errorMessage(error) }, 'cannot look for abandoned work');
    }
    pump();
  }

  async function renew(): Promise<void> {
    if (inHand.size === 0) return;
    const turns = [...inHand].map(([id, { fence }]) => ({ id, fence }));
    try {
      const { lost, cancelled } = await deps.store.turns.renew({
        worker: deps.worker,
        turns,
        leaseMs: LEASE_MS,
        now: deps.clock.now(),
      });
      for (const id of lost) abortTurn(id, 'lost');
      for (const id of cancelled) abortTurn(id, 'stop');
    } catch (error) {
      deps.log.error({ detail: errorMessage(error) }, 'cannot renew leases');
    }
  }

  function abortTurn(id: TurnId, reason: StopReason): boolean {
    const entry = inHand.get(id);
    entry?.abort.abort(reason);
    return entry !== undefined;
  }

  return {
    async start() {
      running = true;
      await deps.store.releaseAbandoned();
      unsubscribe = [
        deps.store.onChange('turns', pump),
        // Stopped at another replica: people do not wait for the next renewal.
        deps.store.onChange('stops', () => void renew()),
      ];
      timers = [setInterval(() => void renew(), LEASE_MS / 3), setInterval(() => void sweep(), SWEEP_MS)];
      pump();
    },
    stopTurn: (id) => abortTurn(id, 'stop'),
    async drain(graceMs) {
      running = false;
      for (const end of unsubscribe) end();
      await claiming.settled();
      const all = Promise.all([...inHand.values()].map((entry) => entry.done));
      let grace: NodeJS.Timeout | undefined;
      await Promise.race([
        all,
        new Promise((resolve) => {
          grace = setTimeout(resolve, graceMs);
        }),
      ]);
      clearTimeout(grace);
      for (const id of inHand.keys()) abortTurn(id, 'shutdown');
      await Promise.all([...inHand.values()].map((entry) => entry.done));
      for (const timer of timers) clearInterval(timer);
      await deps.store.turns.release({ worker: deps.worker });
    },
    active: () => inHand.size,
    reserve() {
      if (!running || isBehind) return undefined;
      if (inHand.size + reserved >= deps.concurrency()) {
        isBehind = true;
        return undefined;
      }
      reserved += 1;
      const giveBack = (): void => {
        reserved -= 1;
        if (isBehind) pump();
      };
      return {
        taker: { worker: deps.worker, leaseMs: LEASE_MS },
        take(claimed) {
          take(claimed);
          giveBack();
        },
        giveBack,
      };
    },
  };
}
