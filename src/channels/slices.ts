/** Long computations in slices, so that the process that serves everybody gets to other things between them (F45). */
import { setImmediate as breathe } from 'node:timers/promises';

/** A computation that can be left and taken up again at each `yield`. */
export type Sliced<T> = Generator<void, T, void>;

/** Well below what anybody notices, well above what a turn of the event loop costs. */
const SLICE_MS = 8;

export async function inSlices<T>(work: Sliced<T>): Promise<T> {
  for (;;) {
    const end = performance.now() + SLICE_MS;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() < end);
    await breathe();
  }
}
