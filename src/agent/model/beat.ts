/**
 * Many answers at once come in small pieces, and what is done with a piece costs much the same as for several. So with
 * many under way what has come is read together, every few milliseconds; a few are read as they come.
 */

export type Beat = {
  /** An answer is under way. Call `end` once it is over. */
  begin(): void;
  end(): void;
  /** Something of it came: `take` is called when it is to be read. */
  soon(take: () => void): void;
};

/** With fewer answers there is time enough to read each as it comes. */
const MANY = 16;
const BEAT_MS_PER_ANSWER = 0.6;
/** Nobody sees that text comes later by this. */
const LONGEST_BEAT_MS = 60;
/** Read in one go: what is done with it must not hold up everybody else. */
const READ_AT_ONCE = 16;

export function createBeat(): Beat {
  let open = 0;
  let waiting: (() => void)[] = [];

  async function takeAll(): Promise<void> {
    const due = waiting;
    waiting = [];
    for (const [index, take] of due.entries()) {
      if (index > 0 && index % READ_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
      take();
    }
  }

  return {
    begin() {
      open += 1;
    },
    end() {
      open -= 1;
    },
    soon(take) {
      if (open < MANY) return process.nextTick(take);
      if (waiting.length === 0)
        setTimeout(() => void takeAll(), Math.min(LONGEST_BEAT_MS, open * BEAT_MS_PER_ANSWER));
      waiting.push(take);
    },
  };
}
