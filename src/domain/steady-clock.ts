/**
 * A clock that follows the machine's without its jumps. Leases and deadlines are moments; were the machine's clock set
 * an hour ahead, every lease would have run out and every request expired at once (F33).
 */

type Source = { now(): number; monotonic(): number };

/** How fast it catches up: while it does, a minute takes between 48 and 75 seconds. */
const RATE = 0.25;
/** Beyond this the machine slept, or had no idea of the time: what it says now is taken at once. */
const STEP_MS = 2 * 3_600_000;

export function createSteadyClock(machine: Source): Source {
  let shown = machine.now();
  let readAt = machine.monotonic();
  return {
    now() {
      const monotonic = machine.monotonic();
      const elapsed = Math.max(0, monotonic - readAt);
      readAt = monotonic;
      const off = machine.now() - (shown + elapsed);
      const most = elapsed * RATE;
      shown += elapsed + (Math.abs(off) > STEP_MS ? off : Math.min(most, Math.max(-most, off)));
      return Math.round(shown);
    },
    monotonic: () => machine.monotonic(),
  };
}
