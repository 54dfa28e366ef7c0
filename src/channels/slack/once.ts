/**
 * Runs each delivery once: Slack sends an event again when it was not acknowledged in time, and one mention as two
 * events. A copy waits for the first; after a failure the next copy is the first again. The database decides between
 * replicas; this saves the work, and covers what is not stored.
 */
import type { Clock } from '../../domain/runtime.ts';

export type Once = (key: string, work: () => Promise<void>) => Promise<'done' | 'copy'>;

/** Slack's last retry comes about six minutes after the event. */
const KEPT_MS = 15 * 60_000;
const MAX_KEPT = 20_000;

export function createOnce({ clock }: { clock: Clock }): Once {
  const seen = new Map<string, { readonly at: number; readonly done: Promise<void> }>();

  function forgetOld(): void {
    for (const [key, { at }] of seen) {
      if (seen.size <= MAX_KEPT && at > clock.monotonic() - KEPT_MS) return;
      seen.delete(key);
    }
  }

  return async (key, work) => {
    const known = seen.get(key);
    if (known !== undefined) {
      await known.done;
      return 'copy';
    }
    forgetOld();
    const done = work();
    seen.set(key, { at: clock.monotonic(), done });
    try {
      await done;
      return 'done';
    } catch (error) {
      seen.delete(key);
      throw error;
    }
  };
}
