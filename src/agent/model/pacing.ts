/**
 * Many answers at once come in small pieces, and to read a piece costs much the same as to read several. So with many
 * under way each rests a while after every reading; a few are read as they come.
 */

export type Pacing = {
  /** An answer is under way. Call `end` once it is over. */
  begin(): void;
  end(): void;
  /** Something was read: `goOn` is called once when more is to be. */
  rest(goOn: () => void): void;
};

/** With fewer answers there is time enough to read each as it comes. */
const MANY = 16;
const REST_MS_PER_ANSWER = 0.2;
/** Nobody sees that text comes later by this, and a step more. */
const LONGEST_REST_MS = 60;
/** Those whose rest ends within so long share a timer. Not all do: who goes on together waits together ever after. */
const STEP_MS = 5;
/** Read in one go: what is done with it must not hold up everybody else. */
const READ_AT_ONCE = 16;

export function createPacing(): Pacing {
  let open = 0;
  /** By the number of the step with whose end they go on. */
  const resting = new Map<number, (() => void)[]>();

  async function goOnAfter(step: number): Promise<void> {
    const due = resting.get(step) ?? [];
    resting.delete(step);
    for (const [index, goOn] of due.entries()) {
      if (index > 0 && index % READ_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
      goOn();
    }
  }

  return {
    begin() {
      open += 1;
    },
    end() {
      open -= 1;
    },
    rest(goOn) {
      if (open < MANY) return goOn();
      const now = performance.now();
      const step = Math.ceil((now + Math.min(LONGEST_REST_MS, open * REST_MS_PER_ANSWER)) / STEP_MS);
      const others = resting.get(step);
      if (others !== undefined) return void others.push(goOn);
      resting.set(step, [goOn]);
      setTimeout(() => void goOnAfter(step), step * STEP_MS - now);
    },
  };
}
