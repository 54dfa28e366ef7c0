/**
 * Many answers at once come in small pieces, and waking up for each takes longer than all the rest of reading it. So
 * with many under way what has come is read together, every few milliseconds; a few are read as they come.
 */

/** What can be left unread for a while: a response of `node:http`. */
export type Readable = { pause(): unknown; resume(): unknown };

export type Beat = {
  /** An answer is under way. Call `end` once it is over. */
  begin(): void;
  end(): void;
  /** Something of it was read: what comes next may wait for the next beat. */
  rest(answer: Readable): void;
};

/** With fewer answers there is time enough to read each as it comes. */
const MANY = 16;
const BEAT_MS_PER_ANSWER = 0.2;
/** Nobody sees that text comes later by this. */
const LONGEST_BEAT_MS = 20;
/** Read in one go: what is done with it must not hold up everybody else. */
const READ_AT_ONCE = 16;

export function createBeat(): Beat {
  let open = 0;
  let resting = new Set<Readable>();

  async function goOn(): Promise<void> {
    const rested = [...resting];
    resting = new Set();
    for (const [index, answer] of rested.entries()) {
      if (index > 0 && index % READ_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
      answer.resume();
    }
  }

  return {
    begin() {
      open += 1;
    },
    end() {
      open -= 1;
    },
    rest(answer) {
      if (open < MANY || resting.has(answer)) return;
      if (resting.size === 0)
        setTimeout(() => void goOn(), Math.min(LONGEST_BEAT_MS, open * BEAT_MS_PER_ANSWER));
      resting.add(answer);
      // Only after what came together with it.
      process.nextTick(() => answer.pause());
    },
  };
}
