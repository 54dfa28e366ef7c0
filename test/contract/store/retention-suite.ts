/** What no log needs is deleted once it is old; what can still be asked for is not. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClaimedTurn, Store } from '../../../src/store/store.ts';
import {
  accept,
  type Backend,
  claimOne,
  delivery,
  finish,
  historyOf,
  keyOf,
  type OpenBackend,
  outputOf,
} from './support.ts';

const DAY = 86_400_000;

export function describeRetention(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  const endJob = async (key: string, at: number) => {
    await store.jobs.enqueue({ kind: 'k', key, payload: null, runAt: 0 });
    const [job] = await store.jobs.claim({ worker: 'w', kinds: ['k'], limit: 1, leaseMs: 1, now: at });
    if (job === undefined) throw new Error('no job');
    await store.jobs.settle({ job, worker: 'w', now: at });
  };

  test('P13: ended jobs, settled deliveries and old reflections go; logs and what is open stay', async () => {
    await accept(store, 'm1');
    await finish(store, await claimOne(store));
    const log = await store.events.list((await store.turns.list({ limit: 1 }))[0]?.id ?? '');
    await endJob('old', 0);
    await endJob('new', 20 * DAY);
    await store.jobs.enqueue({ kind: 'k', key: 'waits', payload: null, runAt: 0 });
    await store.outbox.enqueue([delivery('sent', 'a'), delivery('given up', 'b'), delivery('waits', 'c')], 0);
    await store.outbox.sent('sent', [], 0);
    await store.outbox.failed('given up', 'x', null, 0);
    await store.outbox.enqueue([delivery('late', 'a')], 1);
    await store.outbox.sent('late', [], 50 * DAY);
    const states = { none: 1, dismissed: 1, undone: 1, applied: 1, staged: 1 };
    for (const state of Object.keys(states))
      await backend.raw(`insert into reflections (id, job_id, user_id, state, body, created_at)
        values ('${state}', '${state}', 'u', '${state}', '{"changes":[]}', 0)`);
    const reflections = async () => (await store.reflections.list({ limit: 9 })).map(({ id }) => id);

    expect(await store.prune(29 * DAY)).toBe(0);
    expect(await store.prune(45 * DAY)).toBe(1);
    // The key of a job that is gone is free again.
    expect(await store.jobs.enqueue({ kind: 'k', key: 'old', payload: null, runAt: 0 })).toBe(true);
    expect(await store.jobs.enqueue({ kind: 'k', key: 'new', payload: null, runAt: 0 })).toBe(false);
    expect(await store.prune(91 * DAY)).toBe(6);
    expect(await store.outbox.refs('sent')).toBeUndefined();
    expect(await store.outbox.refs('late')).toEqual([]);
    const due = await store.outbox.claim({ worker: 'w', limit: 9, leaseMs: 1, now: 91 * DAY });
    expect(due.map(({ key }) => key)).toEqual(['waits']);
    const open = await store.jobs.claim({ worker: 'w', kinds: ['k'], limit: 9, leaseMs: 1, now: 91 * DAY });
    expect(open.map(({ key }) => key).toSorted()).toEqual(['old', 'waits']);
    expect(await reflections()).toEqual(['staged', 'applied']);
    expect(await store.prune(366 * DAY)).toBe(3);
    expect(await reflections()).toEqual([]);
    const [turn] = await store.turns.list({ limit: 1 });
    expect(await store.events.list(turn?.id ?? '')).toEqual(log);
    expect(await historyOf(store, keyOf(), { limit: 5 })).toHaveLength(1);
  });

  test('P13: full output goes once its turn has been over for long; that of others stays', async () => {
    const keep = ({ turn }: ClaimedTurn) =>
      store.outputs.keep({
        turnId: turn.id,
        fence: turn.fence,
        index: 1,
        start: 0,
        text: 'x'.repeat(8_000_000),
      });
    await accept(store, 'm1');
    const ended = await claimOne(store);
    await keep(ended);
    await finish(store, ended);
    await accept(store, 'm2');
    const running = await claimOne(store);
    await keep(running);
    expect(await store.prune(90 * DAY)).toBe(0);
    expect(await outputOf(store, ended)).toHaveLength(8_000_000);
    expect(await store.prune(91 * DAY)).toBe(31);
    expect(await outputOf(store, ended)).toBeUndefined();
    expect(await outputOf(store, running)).toHaveLength(8_000_000);
  });

  test('P13: many are deleted in batches', async () => {
    const rows = 'with recursive n(i) as (select 1 union all select i + 1 from n where i < 1234)';
    await backend.raw(`insert into jobs (key, kind, payload, attempts, run_at, ended_at)
      ${rows} select 'j' || i, 'k', 'null', 1, 0, 0 from n`);
    expect(await store.prune(31 * DAY)).toBe(1_234);
  });
}
