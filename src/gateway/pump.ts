/** Runs a round of work when something may have changed: one at a time, and once more if news came meanwhile. */

export type Pump = {
  /** Something may be there to do. Cheap, and safe to call from anywhere. */
  kick(): void;
  /** Resolves when no round is under way. */
  settled(): Promise<void>;
};

/** @param round must not reject: there is nobody to tell. */
export function createPump(round: () => Promise<void>): Pump {
  let current: Promise<void> | null = null;
  let again = false;
  const pump: Pump = {
    kick() {
      if (current !== null) {
        again = true;
        return;
      }
      current = round().finally(() => {
        current = null;
        if (!again) return;
        again = false;
        pump.kick();
      });
    },
    async settled() {
      while (current !== null) await current;
    },
  };
  return pump;
}
