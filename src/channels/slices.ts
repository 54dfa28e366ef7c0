/** Long computations in slices, so that the process that serves everybody gets to other things between them (F45). */
import { setImmediate as breathe } from 'node:timers/promises';

/** A computation that can be left and taken up again at each `yield`. */
export type Sliced<T> = Generator<void, T, void>;

/** Well below what anybody notices, well above what a turn of the event loop costs. All together have it in a turn. */
const SLICE_MS = 8;

/** What this turn of the event loop has had of it. */
let spentMs = 0;
let isTurnOpen = false;

function spend(ms: number): void {
  spentMs += ms;
  if (isTurnOpen) return;
  isTurnOpen = true;
  setImmediate(() => {
    spentMs = 0;
    isTurnOpen = false;
  });
}

/** Many at once take turns too: who came first goes on first. */
export async function inSlices<T>(work: Sliced<T>): Promise<T> {
  for (;;) {
    while (spentMs >= SLICE_MS) await breathe();
    const start = performance.now();
    const end = start + SLICE_MS - spentMs;
    try {
      do {
        const step = work.next();
        if (step.done === true) return step.value;
      } while (performance.now() < end);
    } finally {
      spend(performance.now() - start);
    }
  }
}

/** For work that is known to be short. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
