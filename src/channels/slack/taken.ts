/**
 * Signed requests that were taken, kept in the store for as long as their signatures are good: a recorded one counts
 * neither after a restart nor at another replica (A2). The retry of an event is no copy: it has a signature of its own.
 */
import { errorMessage } from '../../domain/errors.ts';
import type { KeyValue } from '../../domain/feed.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import { WINDOW_S } from './signature.ts';

export type SignedRequest = { readonly timestamp: string; readonly signature: string };

export type Taken = {
  /** `free`: it is now the caller's. `open`: somebody has it, and may have died with it. @throws AppError `store.*` */
  claim(request: SignedRequest): Promise<'free' | 'open' | 'done'>;
  /** @throws AppError `store.*` */
  done(request: SignedRequest): Promise<void>;
  /** Nothing came of it: it may be sent again. Never throws. */
  release(request: SignedRequest): Promise<void>;
};

const PREFIX = 'taken:';
const SWEEP_EVERY_MS = 60_000;

/** Ordered by time, as all have as many digits. */
const keyOf = ({ timestamp, signature }: SignedRequest): string =>
  `${PREFIX}${timestamp.padStart(12, '0')}:${signature}`;

export function createTaken({ state, clock, log }: { state: KeyValue; clock: Clock; log: Logger }): Taken {
  let sweptAt = Number.NEGATIVE_INFINITY;

  /** Twice the window, for the clocks of replicas differ. */
  async function sweep(): Promise<void> {
    if (clock.monotonic() - sweptAt < SWEEP_EVERY_MS) return;
    sweptAt = clock.monotonic();
    const timestamp = String(Math.floor(clock.now() / 1000) - 2 * WINDOW_S);
    await state.deleteBetween(PREFIX, keyOf({ timestamp, signature: '' }));
  }

  return {
    async claim(request) {
      await sweep();
      if (await state.setOnce(keyOf(request), 'open')) return 'free';
      return (await state.get(keyOf(request))) === 'done' ? 'done' : 'open';
    },
    done: (request) => state.set(keyOf(request), 'done'),
    async release(request) {
      try {
        await state.delete(keyOf(request));
      } catch (error) {
        log.warn({ detail: errorMessage(error) }, 'cannot give up a request of Slack');
      }
    },
  };
}
