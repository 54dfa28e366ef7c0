/**
 * How long a group commit waits for company before it begins: one writer alone never does. A process that is busy fills
 * its batches by itself, and each millisecond is one less to work in; one with time to spare waits out a burst, and
 * spares the disk.
 */

/** How long the next batch gathers for each write of the batch before. */
const MS_PER_WRITE = 0.5;
const MAX_BUSY_MS = 5;
/** The same where the processor waits: a burst that is longer than this is shared by a few commits. */
const SPARE_MS_PER_WRITE = 1;
const MAX_SPARE_MS = 40;
/** Share of its time that the event loop of a busy process works. */
const BUSY = 0.5;
/** That share is of the last second or two. */
const WINDOW_MS = 1_000;
/** There, what the batches before count after each: a small one may come between the large ones of a burst. */
const FADING = 0.8;
/** After this long without a commit the burst is over, and the next write goes at once. */
const IDLE_MS = 100;

export type Gathering = {
  /** @returns ms to wait before the next batch begins */
  ms(): number;
  /** A batch is over, with so many writes that somebody waits for. */
  took(size: number): void;
};

type Clock = {
  /** ms */
  readonly now: () => number;
  readonly utilization: typeof performance.eventLoopUtilization;
};

export function createGathering({ now, utilization }: Clock): Gathering {
  let last = 0;
  let burst = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  let mark = utilization();
  let nextMark = mark;
  let markedAt = now();

  function isBusy(): boolean {
    if (now() - markedAt > WINDOW_MS) {
      mark = nextMark;
      nextMark = utilization();
      markedAt = now();
    }
    return utilization(mark).utilization > BUSY;
  }

  return {
    ms() {
      if (now() - lastAt > IDLE_MS) return 0;
      if (burst < 2 || isBusy()) return Math.min(MAX_BUSY_MS, (last - 1) * MS_PER_WRITE);
      return Math.min(MAX_SPARE_MS, (burst - 1) * SPARE_MS_PER_WRITE);
    },
    took(size) {
      last = size;
      burst = Math.max(size, burst * FADING);
      lastAt = now();
    },
  };
}
