/** Once a day what is no longer needed is deleted; with several gateways each does it, and the later ones find nothing. */
import { errorMessage } from '../domain/errors.ts';
import type { Clock, Logger } from '../domain/runtime.ts';
import type { Upkeep } from '../domain/upkeep.ts';

const EVERY_MS = 24 * 60 * 60 * 1_000;
/** After a start there is enough to do. */
const FIRST_MS = 10 * 60 * 1_000;

export type Housekeeping = { stop(): Promise<void> };

export function startHousekeeping(deps: {
  readonly store: Pick<Upkeep, 'prune'>;
  readonly clock: Clock;
  readonly log: Logger;
}): Housekeeping {
  let current: Promise<void> = Promise.resolve();
  let timer = setTimeout(run, FIRST_MS);
  timer.unref();

  async function prune(): Promise<void> {
    try {
      const rows = await deps.store.prune(deps.clock.now());
      deps.log.info({ rows }, 'deleted what is no longer needed');
    } catch (error) {
      deps.log.warn(
        { detail: errorMessage(error) },
        'deleting what is no longer needed failed; tried again tomorrow',
      );
    }
  }

  function run(): void {
    current = prune();
    timer = setTimeout(run, EVERY_MS);
    timer.unref();
  }

  return {
    async stop() {
      clearTimeout(timer);
      await current;
    },
  };
}
