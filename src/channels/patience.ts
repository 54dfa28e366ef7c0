/** Waiting as long as a platform asks for, where that is cheaper than giving up what is in hand. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../domain/errors.ts';

/** The wait that a platform asked for by this refusal. */
export function askedWait(error: unknown): number | undefined {
  const wait = error instanceof AppError ? error.details.retryAfterMs : undefined;
  return typeof wait === 'number' ? wait : undefined;
}

/** More than this in all is left to the outbox, which waits without holding anything. */
const LONGEST_WAIT_MS = 15_000;

export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let waited = 0; ; ) {
    try {
      return await work();
    } catch (error) {
      const wait = askedWait(error);
      if (wait === undefined || waited + wait > LONGEST_WAIT_MS) throw error;
      waited += wait;
      await sleep(wait);
    }
  }
}
