/** `/stop` and every other way to end work: model call, tool, pending approvals, side questions. */
import type { EngineDeps } from '../agent/run.ts';
import type { Author } from '../domain/message.ts';
import type { Clock } from '../domain/runtime.ts';
import type { SessionKey } from '../domain/session.ts';
import type { Turn } from '../domain/turn.ts';
import type { Store } from '../store/store.ts';
import type { Approvals } from './approvals.ts';
import type { Worker } from './worker.ts';

export type Stopper = {
  /** Ends one turn, whatever state it is in. */
  stopTurn(turn: Turn, by: Author): Promise<void>;
  /** Ends the active turn of a session (`all`: the queued ones too) and the asker's side questions. */
  stopSession(session: SessionKey, by: Author, all: boolean): Promise<{ stopped: number; left: number }>;
  /** Ends whatever of the session was accepted before this turn. */
  stopBefore(turn: Turn, by: Author): Promise<void>;
  /** Registers a side question of somebody, so that `/stop` ends it. Returns the way to deregister. */
  watch(session: SessionKey, by: Author, abort: AbortController): () => void;
};

export function createStopper(deps: {
  store: Pick<Store, 'turns' | 'sessions'>;
  approvals: Pick<Approvals, 'settlePending'>;
  worker: Pick<Worker, 'stopTurn'>;
  followUps: EngineDeps['followUps'];
  clock: Clock;
}): Stopper {
  const asides = new Map<string, Set<AbortController>>();
  const key = (session: SessionKey, by: Author): string => `${session} ${by.id}`;

  async function stopTurn(turn: Turn, by: Author): Promise<void> {
    const deliveries = await deps.approvals.settlePending(turn.id, by);
    await deps.store.turns.cancel({
      id: turn.id,
      by: by.id,
      byName: by.name,
      now: deps.clock.now(),
      deliveries,
      jobs: deps.followUps(turn, 'cancelled'),
    });
    // At once where it runs here; a worker elsewhere hears of it by the news of the commit.
    deps.worker.stopTurn(turn.id);
  }

  return {
    stopTurn,
    async stopSession(session, by, all) {
      for (const abort of asides.get(key(session, by)) ?? []) abort.abort('stop');
      const pending = await deps.store.sessions.pending(session);
      const chosen = all ? pending : pending.filter((turn) => turn.status !== 'queued').slice(0, 1);
      // The queue from its end, so that nothing starts in between.
      for (const turn of chosen.toReversed()) await stopTurn(turn, by);
      return { stopped: chosen.length, left: pending.length - chosen.length };
    },
    async stopBefore(turn, by) {
      const pending = await deps.store.sessions.pending(turn.session);
      const earlier = pending.filter((one) => one.ordinal < turn.ordinal);
      for (const one of earlier.toReversed()) await stopTurn(one, by);
    },
    watch(session, by, abort) {
      const own = asides.get(key(session, by)) ?? new Set();
      asides.set(key(session, by), own.add(abort));
      return () => {
        own.delete(abort);
        if (own.size === 0) asides.delete(key(session, by));
      };
    },
  };
}
