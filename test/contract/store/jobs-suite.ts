/** The contract of jobs: once by key, one at a time in a lane, after the reply, settled together with what they change. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Job, NewJob } from '../../../src/domain/job.ts';
import type { Store } from '../../../src/store/store.ts';
import {
  acceptedTurn,
  type Backend,
  claimOne,
  delivery,
  finish,
  finished,
  memoryOf,
  type OpenBackend,
  skipped,
  typesOf,
} from './support.ts';

export function describeJobs(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  const lease = { worker: 'w1', kinds: ['reflect'], limit: 5, leaseMs: 1_000 };
  const job = (key: string, more: Partial<NewJob> = {}): NewJob => ({
    kind: 'reflect',
    key,
    payload: { key },
    runAt: 0,
    ...more,
  });
  const claimJobs = (now: number, worker = 'w1') => store.jobs.claim({ ...lease, worker, now });
  async function claimJob(now: number, worker = 'w1'): Promise<Job> {
    const [claimed] = await claimJobs(now, worker);
    if (claimed === undefined) throw new Error('no job is due');
    return claimed;
  }

  test('E70: a key runs once, for ever', async () => {
    expect(await store.jobs.enqueue(job('j1'))).toBe(true);
    expect(await store.jobs.enqueue(job('j1'))).toBe(false);
    expect(await store.jobs.claim({ ...lease, kinds: ['other'], now: 10 })).toEqual([]);
    const claimed = await claimJob(10);
    expect(claimed).toEqual({ id: 'j1', ...job('j1'), attempts: 0 });
    expect(await store.jobs.settle({ job: claimed, worker: 'w1', now: 20 })).toBe(true);
    expect(await claimJobs(50_000)).toEqual([]);
    expect(await store.jobs.enqueue(job('j1'))).toBe(false);
  });

  test('a job waits for its time, is tried again, given up, and taken over when its worker dies', async () => {
    await store.jobs.enqueue(job('j1', { runAt: 100 }));
    expect(await claimJobs(99)).toEqual([]);
    const first = await claimJob(100);
    await store.jobs.retry(first, { worker: 'w1', error: 'model down', retryAt: 200 });
    expect(await claimJobs(199)).toEqual([]);
    expect(await claimJob(200)).toMatchObject({ attempts: 1 });
    const third = await claimJob(1_200, 'w2');
    expect(third).toMatchObject({ attempts: 2 });
    expect(await store.jobs.settle({ job: third, worker: 'w2', now: 1_300, error: 'no use' })).toBe(true);
    expect(await claimJobs(90_000)).toEqual([]);
  });

  test('E70: whoever lost the lease settles, retries and renews nothing; what it would change is not changed', async () => {
    await store.jobs.enqueue(job('j1'));
    const lost = await claimJob(0);
    const held = await claimJob(1_000, 'w2');
    const memories = [
      { op: 'put', memory: memoryOf('m1', { scope: 'user', owner: 'u', place: null }) },
    ] as const;
    expect(await store.jobs.settle({ job: lost, worker: 'w1', now: 1_001, memories })).toBe(false);
    await store.jobs.retry(lost, { worker: 'w1', error: 'late', retryAt: 0 });
    expect(await store.jobs.renew({ worker: 'w1', jobs: [lost], leaseMs: 1, now: 1_001 })).toEqual(['j1']);
    expect(await store.jobs.renew({ worker: 'w2', jobs: [held], leaseMs: 5_000, now: 1_001 })).toEqual([]);
    expect(await claimJobs(3_000)).toEqual([]);
    expect(await store.memories.get('m1')).toBeUndefined();
    expect(await store.jobs.settle({ job: held, worker: 'w2', now: 1_002, memories })).toBe(true);
    expect(await store.jobs.settle({ job: held, worker: 'w2', now: 1_003, memories })).toBe(false);
    expect(await store.memories.get('m1')).toBeDefined();
  });

  test('E64: jobs of one lane run one after the other, also taken by two processes at once', async () => {
    const replica = await backend.replica();
    for (const key of ['a', 'b', 'c']) await store.jobs.enqueue(job(key, { lane: 'user:ana' }));
    await store.jobs.enqueue(job('other', { lane: 'user:bo' }));
    const claims = await Promise.all([
      claimJobs(10),
      replica.jobs.claim({ ...lease, worker: 'w2', now: 10 }),
    ]);
    const taken = claims.flat();
    expect(taken.map((one) => one.id).sort()).toEqual(['a', 'other']);
    const first = taken.find((one) => one.id === 'a');
    if (first === undefined) throw new Error('the oldest goes first');
    const worker = claims[0].includes(first) ? 'w1' : 'w2';
    expect(await claimJobs(20)).toEqual([]);
    await store.jobs.settle({ job: first, worker, now: 30 });
    expect((await claimJobs(40)).map((one) => one.id)).toEqual(['b']);
  });

  describe('a turn', () => {
    const endTurn = async () => {
      const turn = await acceptedTurn(store, 'm1');
      await finish(store, await claimOne(store), {
        deliveries: [{ ...delivery('d1'), turnId: turn.id }],
        jobs: [job('j1', { afterTurn: turn.id, runAt: 3_000 })],
      });
      return turn;
    };

    test('E61: a job of a turn comes after its reply is out, or a minute later', async () => {
      await endTurn();
      expect(await claimJobs(3_000)).toEqual([]);
      await store.outbox.claim({ worker: 'w1', limit: 1, leaseMs: 1_000, now: 3_000 });
      expect(await claimJobs(3_100)).toEqual([]);
      await store.outbox.sent('d1', [], 3_200);
      expect(await claimJobs(3_300)).toHaveLength(1);
    });

    test('E61: a platform that is down holds a job for a minute, not for ever', async () => {
      await endTurn();
      expect(await claimJobs(62_999)).toEqual([]);
      expect(await claimJobs(63_000)).toHaveLength(1);
    });

    test('E73: what a job notes is appended after the end, gapless and chained; the status stays', async () => {
      const turn = await endTurn();
      await store.outbox.sent('d1', [], 3_200);
      const claimed = await claimJob(3_300);
      const note = { turnId: turn.id, events: [skipped(1), skipped(2)] };
      expect(await store.jobs.settle({ job: claimed, worker: 'w1', now: 3_400, note })).toBe(true);
      const events = await store.events.list(turn.id);
      expect(typesOf(events).slice(-3)).toEqual(['turn.finished', 'tool.skipped', 'tool.skipped']);
      expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
      expect(await store.turns.get(turn.id)).toMatchObject({ status: 'done', seq: events.length });
      const chained = await store.events.export({ limit: 100 });
      for (const [index, { prevHash }] of chained.entries())
        if (index > 0) expect(prevHash).toBe(chained[index - 1]?.hash);
    });

    test('a job must not write into the log of a turn that a worker has in hand', async () => {
      const turn = await acceptedTurn(store, 'm1');
      await store.jobs.enqueue(job('j1'));
      const claimed = await claimJob(0);
      const note = { turnId: turn.id, events: [finished()] };
      await expect(store.jobs.settle({ job: claimed, worker: 'w1', now: 1, note })).rejects.toThrow(/queued/);
      expect(await store.events.list(turn.id)).toHaveLength(1);
      expect(await store.jobs.settle({ job: claimed, worker: 'w1', now: 1 })).toBe(true);
    });
  });
}
