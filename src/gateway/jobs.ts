/**
 * Runs the jobs that follow turns: claimed with a lease, tried again after a failure, picked up by the next process
 * after a crash. What a job comes to is written together with its end, so it takes effect once or not at all.
 */
import { AppError, errorMessage } from '../domain/errors.ts';
import type { Job, JobEffects, JobHandler, JobId } from '../domain/job.ts';
import type { Clock, Logger, Metrics } from '../domain/runtime.ts';
import type { Store } from '../store/store.ts';
import { createPump } from './pump.ts';

export type Jobs = {
  start(): void;
  /** Takes no more jobs, waits up to `graceMs` for those in hand, then leaves them to the next process. */
  drain(graceMs: number): Promise<void>;
};

export type JobsDeps = {
  readonly store: Pick<Store, 'jobs' | 'onChange'>;
  readonly handlers: Readonly<Record<string, JobHandler>>;
  readonly worker: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
};

/** At once: jobs are never in a hurry, and must leave the model to the people who wait for it. */
const CONCURRENT = 4;
/** How long a dead process keeps a job. Renewed three times in that span. */
const LEASE_MS = 30_000;
/** No event announces that a retry is due or a lease has run out. */
const SWEEP_MS = 5_000;
const FIRST_RETRY_MS = 2_000;
/** Tries in all: the last comes about ten minutes after the first. */
const MAX_ATTEMPTS = 6;
const RETRY_FACTOR = 3;

export function createJobs(deps: JobsDeps): Jobs {
  const inHand = new Map<JobId, { job: Job; abort: AbortController; done: Promise<void> }>();
  let running = false;
  let timers: NodeJS.Timeout[] = [];
  let unsubscribe = () => {};
  const pump = createPump(claim);

  async function claim(): Promise<void> {
    try {
      for (;;) {
        const free = CONCURRENT - inHand.size;
        if (!running || free <= 0) return;
        const claimed = await deps.store.jobs.claim({
          worker: deps.worker,
          kinds: Object.keys(deps.handlers),
          limit: free,
          leaseMs: LEASE_MS,
          now: deps.clock.now(),
        });
        for (const job of claimed) take(job);
        if (claimed.length < free) return;
      }
    } catch (error) {
      deps.log.error({ detail: errorMessage(error) }, 'cannot claim jobs; trying again');
    }
  }

  function take(job: Job): void {
    const abort = new AbortController();
    const entry = { job, abort, done: Promise.resolve() };
    inHand.set(job.id, entry);
    entry.done = work(deps, job, abort.signal).finally(() => {
      inHand.delete(job.id);
      if (running) pump.kick();
    });
  }

  async function renew(): Promise<void> {
    try {
      const lost = await deps.store.jobs.renew({
        worker: deps.worker,
        jobs: [...inHand.values()].map(({ job }) => job),
        leaseMs: LEASE_MS,
        now: deps.clock.now(),
      });
      for (const id of lost) inHand.get(id)?.abort.abort('lost');
    } catch (error) {
      deps.log.error({ detail: errorMessage(error) }, 'cannot renew the leases of jobs');
    }
  }

  return {
    start() {
      running = true;
      unsubscribe = deps.store.onChange('jobs', pump.kick);
      timers = [setInterval(() => void renew(), LEASE_MS / 3), setInterval(pump.kick, SWEEP_MS)];
      pump.kick();
    },
    async drain(graceMs) {
      running = false;
      unsubscribe();
      await pump.settled();
      const all = Promise.all([...inHand.values()].map((entry) => entry.done));
      let grace: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => {
        grace = setTimeout(resolve, graceMs);
      });
      await Promise.race([all, late]);
      clearTimeout(grace);
      for (const { abort } of inHand.values()) abort.abort('shutdown');
      await Promise.all([...inHand.values()].map((entry) => entry.done));
      for (const timer of timers) clearInterval(timer);
    },
  };
}

async function work(deps: JobsDeps, job: Job, signal: AbortSignal): Promise<void> {
  try {
    await attempt(deps, job, signal);
  } catch (error) {
    deps.log.error(
      { job: job.id, detail: errorMessage(error) },
      'job interrupted; its lease decides who goes on',
    );
  }
}

async function attempt(deps: JobsDeps, job: Job, signal: AbortSignal): Promise<void> {
  const handler = deps.handlers[job.kind];
  if (handler === undefined) throw new Error(`no handler for jobs of kind ${job.kind}`);
  const settle = async (effects: JobEffects, error?: string): Promise<void> => {
    const ended = error === undefined ? {} : { error };
    const { worker, clock } = deps;
    const settled = await deps.store.jobs.settle({ job, worker, now: clock.now(), ...effects, ...ended });
    const outcome = settled ? (error === undefined ? 'done' : 'given_up') : 'lost';
    deps.metrics.count('parley_jobs_total', { kind: job.kind, outcome });
  };
  let isMade = false;
  try {
    // A job that takes the process down with it must not do so for ever.
    if (job.attempts >= MAX_ATTEMPTS) throw new Error('the process ended during every try');
    const effects = await handler.run(job, signal);
    isMade = true;
    await settle(effects);
  } catch (error) {
    // Out of time, or somebody else's: it is tried again without counting as a failure of its own.
    if (signal.aborted) return await retry(deps, job, 'interrupted', 0);
    if (isStoreTrouble(error)) throw error;
    const detail = errorMessage(error);
    deps.log.warn({ job: job.id, attempts: job.attempts + 1, detail }, 'job failed');
    // What it came to may be written the next time: nothing of it was.
    const isPassing = isMade || (error instanceof AppError && error.retryable);
    const again = isPassing && job.attempts + 1 < MAX_ATTEMPTS;
    if (again) await retry(deps, job, detail, FIRST_RETRY_MS * RETRY_FACTOR ** job.attempts);
    else await settle(handler.givenUp(job, error), detail);
  }
}

async function retry(deps: JobsDeps, job: Job, error: string, delayMs: number): Promise<void> {
  deps.metrics.count('parley_jobs_total', { kind: job.kind, outcome: 'retried' });
  await deps.store.jobs.retry(job, { worker: deps.worker, error, retryAt: deps.clock.now() + delayMs });
}

const isStoreTrouble = (error: unknown): boolean =>
  error instanceof AppError && error.code.startsWith('store.');
