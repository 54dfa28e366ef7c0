/** The job runner over a real store: effects once, retries in time, nothing lost when it is stopped. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { Job, JobHandler } from '../../../src/domain/job.ts';
import { createJobs } from '../../../src/gateway/jobs.ts';
import { createMetrics } from '../../../src/runtime/metrics.ts';
import { openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/store.ts';
import { memoryOf, silent } from '../../contract/store/support.ts';

const effects = {
  memories: [{ op: 'put', memory: memoryOf('m1', { scope: 'user', owner: 'u', place: null }) }],
} as const;

describe('jobs', () => {
  let store: Store;
  let now: number;
  let stop: () => Promise<void>;

  beforeEach(async () => {
    store = await openStore({ url: 'sqlite::memory:', log: silent });
    now = 1_000;
    stop = async () => {};
  });
  afterEach(async () => {
    await stop();
    await store.close();
  });

  function start(handler: Partial<JobHandler>) {
    const jobs = createJobs({
      store,
      handlers: { test: { run: async () => ({}), givenUp: () => ({}), ...handler } },
      worker: store.worker,
      clock: { now: () => now, monotonic: () => now },
      log: silent,
      metrics: createMetrics(),
    });
    stop = () => jobs.drain(0);
    jobs.start();
    return jobs;
  }
  const enqueue = (key: string) => store.jobs.enqueue({ kind: 'test', key, payload: { key }, runAt: 0 });
  const claimable = (at: number) =>
    store.jobs.claim({ worker: 'probe', kinds: ['test'], limit: 9, leaseMs: 1, now: at });
  const isStored = () => vi.waitFor(async () => expect(await store.memories.get('m1')).toBeDefined());

  test('a job that is enqueued while it runs is taken at once, and its effects are written with its end', async () => {
    start({ run: async () => effects });
    await enqueue('a');
    await isStored();
    expect(await claimable(1e9)).toEqual([]);
  });

  test('a retryable failure is tried again when its time has come; any other is given up with the last word', async () => {
    const seen: number[] = [];
    const run = async (job: Job) => {
      seen.push(job.attempts);
      throw new AppError('model.unavailable', 'down');
    };
    const jobs = start({ run });
    await enqueue('a');
    await vi.waitFor(() => expect(seen).toEqual([0]));
    await jobs.drain(1_000);
    expect(await claimable(now + 1_000)).toEqual([]);
    now += 2_000;
    start({ run: () => Promise.reject(new Error('a bug')), givenUp: () => effects });
    await isStored();
    expect(await claimable(1e9)).toEqual([]);
  });

  test('E68: what cannot be written is tried again and not given up; nothing of the first try is kept', async () => {
    let tries = 0;
    const note = { turnId: 'not there', events: [] };
    const run = async () => (tries++ === 0 ? { ...effects, note } : effects);
    const jobs = start({ run });
    await enqueue('a');
    await vi.waitFor(() => expect(tries).toBe(1));
    await jobs.drain(1_000);
    expect(await store.memories.get('m1')).toBeUndefined();
    expect(await claimable(now + 1_000)).toEqual([]);
    now += 2_000;
    start({ run });
    await isStored();
    expect(tries).toBe(2);
  });

  test('P12: stopped in the middle, a job is left to the next process at once', async () => {
    const running = Promise.withResolvers<AbortSignal>();
    const jobs = start({
      run: (_job, signal) => {
        running.resolve(signal);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    await enqueue('a');
    await running.promise;
    await jobs.drain(0);
    start({ run: async () => effects });
    await isStored();
  });

  test('a job during which the process always ends is given up in the end', async () => {
    await enqueue('a');
    for (let i = 0; i < 6; i++) expect(await claimable(now + i * 10)).toHaveLength(1);
    now += 100;
    start({
      run: () => Promise.reject(new Error('never reached')),
      givenUp: (_job, error) => (String(error).includes('process ended') ? effects : {}),
    });
    await isStored();
  });
});
