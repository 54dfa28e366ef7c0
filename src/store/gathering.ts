/**
 * How long a group commit waits for company before it begins. Where nobody has shared a batch lately none waits. In a
 * process that is busy each millisecond of waiting is one less to work in, so there it is short; one with time to spare
 * waits for as long as a burst goes on, and spares the disk. Waiting for the disk counts as work.
 */

const MS_PER_WRITE = 0.5;
const LONGEST_STEP_MS = 5;
/** Of the steps in which more writes came, one after the other. */
const LONGEST_MS = 40;
/** What came together this long ago says nothing any more about what comes next. */
const RECENT_MS = 1_000;
/** Share of its time that the event loop of a busy process works. */
const BUSY = 0.5;
/** That share is of the last one or two of these; without any of them a process counts as busy. */
const WINDOW_MS = 1_000;

export type Gathering = {
  /** Resolves when the next batch is to begin. @param waiting writes in the queue */
  wait(waiting: () => number): Promise<void>;
  /** A batch is over. @param size of it, without the writes that nobody waits for */
  took(size: number): void;
};

type Loop = {
  /** ms */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<unknown>;
  /** Since the start, ms. */
  readonly utilization: () => { readonly active: number; readonly idle: number };
};

/** @param most writes of a batch */
export function createGathering({ now, pause, utilization }: Loop, most: number): Gathering {
  let last = { size: 0, at: Number.NEGATIVE_INFINITY };
  let largest = last;
  /** Idle only because of a pause here: no sign of time to spare. */
  let paused = 0;
  let mark = look();
  let nextMark = mark;

  function look() {
    const { active, idle } = utilization();
    return { at: now(), active, idle: idle - paused };
  }

  function isBusy(): boolean {
    const here = look();
    const age = here.at - nextMark.at;
    if (age > WINDOW_MS) {
      mark = age > 2 * WINDOW_MS ? here : nextMark;
      nextMark = here;
    }
    const active = here.active - mark.active;
    return active >= BUSY * (active + here.idle - mark.idle);
  }

  async function step(ms: number): Promise<void> {
    const before = utilization().idle;
    await pause(ms);
    paused += utilization().idle - before;
  }

  return {
    async wait(waiting) {
      const isRecent = ({ at }: typeof last): boolean => now() - at < RECENT_MS;
      const busy = isBusy();
      const known = busy ? last : largest;
      const stepMs = isRecent(known) ? Math.min(LONGEST_STEP_MS, (known.size - 1) * MS_PER_WRITE) : 0;
      if (stepMs < 1) return;
      const end = now() + (busy ? 0 : LONGEST_MS);
      let before: number;
      do {
        before = waiting();
        if (before >= most) return;
        await step(stepMs);
      } while (waiting() > before && now() < end);
    },
    took(size) {
      if (size === 0) return;
      last = { size, at: now() };
      if (size >= largest.size || last.at - largest.at >= RECENT_MS) largest = last;
    },
  };
}
