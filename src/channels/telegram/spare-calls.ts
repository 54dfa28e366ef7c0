/** Calls that can be left out (drafts, typing) share a part of what the bot may do, so that answers never wait for them. */
import type { Clock } from '../../domain/runtime.ts';

export type SpareCalls = {
  /** True when one may be made now. */
  take(): boolean;
};

/** Telegram allows a bot about 30 messages a second in all; the rest is for answers. */
const PER_SECOND = 20;

export function createSpareCalls(clock: Clock): SpareCalls {
  let left = PER_SECOND;
  let at = clock.monotonic();
  return {
    take() {
      const now = clock.monotonic();
      left = Math.min(PER_SECOND, left + ((now - at) / 1000) * PER_SECOND);
      at = now;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
