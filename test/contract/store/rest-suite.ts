/** The contract of everything beside turns: outbox, jobs, usage, channel state, the web feed, news of changes. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Store, Topic } from '../../../src/store/store.ts';
import {
  accept,
  acceptedTurn,
  approvalOf,
  type Backend,
  claimOne,
  delivery,
  editOf,
  finish,
  type OpenBackend,
  outbound,
  park,
  place,
} from './support.ts';

export function describeRest(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  describe('outbox', () => {
    const due = async (now: number, on = store) =>
      (await on.outbox.claim({ worker: 'w1', limit: 10, leaseMs: 1_000, now })).map((each) => each.key);
    const refs = [{ where: place('c'), id: 'p1' }];

    test('a lane goes out one at a time, in order; lanes beside each other', async () => {
      await store.outbox.enqueue([delivery('a1', 'a'), delivery('a2', 'a'), delivery('b1', 'b')], 10);
      expect(await due(20)).toEqual(['a1', 'b1']);
      expect(await due(30)).toEqual([]);
      await store.outbox.sent('a1', refs, 30);
      expect(await due(40)).toEqual(['a2']);
      expect(await store.outbox.refs('a1')).toEqual(refs);
      expect(await store.outbox.refs('a2')).toBeUndefined();
    });

    test('a key is good for one delivery, for ever', async () => {
      await store.outbox.enqueue([delivery('k'), { ...delivery('k'), message: outbound('other') }], 10);
      await store.outbox.sent('k', refs, 20);
      await store.outbox.enqueue([delivery('k')], 30);
      expect(await due(40)).toEqual([]);
    });

    test('one to a person keeps its person', async () => {
      const direct = { ...delivery('d'), target: { kind: 'direct', user: 'telegram:7' } } as const;
      await store.outbox.enqueue([direct], 10);
      const [claimed] = await store.outbox.claim({ worker: 'w1', limit: 1, leaseMs: 1_000, now: 20 });
      expect(claimed?.target).toEqual(direct.target);
    });

    test('F14: a failed one is tried again at its time, holding its lane; what it is and how often tried is told', async () => {
      await store.outbox.enqueue([delivery('k1'), delivery('k2')], 10);
      const [first] = await store.outbox.claim({ worker: 'w1', limit: 1, leaseMs: 1_000, now: 20 });
      expect(first).toEqual({ ...delivery('k1'), attempts: 0, createdAt: 10, refs: [] });
      await store.outbox.failed('k1', 'slow down', 500, 30);
      expect(await store.outbox.nextDue()).toBe(500);
      expect(await due(499)).toEqual([]);
      const [again] = await store.outbox.claim({ worker: 'w1', limit: 1, leaseMs: 1_000, now: 500 });
      expect(again).toMatchObject({ key: 'k1', attempts: 1 });
      await store.outbox.failed('k1', 'never', null, 600);
      expect(await store.outbox.refs('k1')).toBeUndefined();
      expect(await due(600)).toEqual(['k2']);
    });

    test('F9: parts that are out are remembered for the next try', async () => {
      await store.outbox.enqueue([delivery('k1')], 10);
      await due(20);
      await store.outbox.progress('k1', refs);
      const [again] = await store.outbox.claim({ worker: 'w2', limit: 1, leaseMs: 1_000, now: 1_020 });
      expect(again).toMatchObject({ key: 'k1', attempts: 1, refs });
    });

    test('F8: a lease that ran out, or was given back, is offered again; a late report about it is ignored', async () => {
      await store.outbox.enqueue([delivery('k1')], 10);
      await due(20);
      expect(await due(1_019)).toEqual([]);
      await store.releaseAbandoned();
      expect(await due(1_019)).toEqual(['k1']);
      await store.outbox.sent('k1', refs, 1_100);
      await store.outbox.failed('k1', 'late', null, 1_200);
      await store.outbox.failed('k1', 'late', 5_000, 1_200);
      expect(await store.outbox.refs('k1')).toEqual(refs);
      expect(await store.outbox.nextDue()).toBeUndefined();
    });

    test('an edit waits for what it edits, in another lane too, and gets its refs', async () => {
      await store.outbox.enqueue(
        [delivery('card', 'a'), editOf('edit', 'card', 'b'), delivery('b2', 'b')],
        10,
      );
      expect(await due(20)).toEqual(['card']);
      await store.outbox.sent('card', refs, 30);
      const [edit] = await store.outbox.claim({ worker: 'w1', limit: 5, leaseMs: 1_000, now: 40 });
      expect(edit).toMatchObject({ key: 'edit', target: { kind: 'edit', of: 'card' }, refs });
      await store.outbox.sent('edit', refs, 50);
      expect(await due(60)).toEqual(['b2']);
      // Sent anew, it is edited where it is from then on (F40).
      const elsewhere = [{ where: place('c'), id: 'anew' }];
      await store.outbox.moved('card', elsewhere);
      await store.outbox.enqueue([editOf('edit2', 'card', 'c')], 70);
      expect(await store.outbox.claim({ worker: 'w1', limit: 5, leaseMs: 1_000, now: 80 })).toMatchObject([
        { key: 'edit2', refs: elsewhere },
      ]);
    });

    test('P5: a copy that turns up is edited with the others, and the last edit is done again', async () => {
      const of = [{ key: 'card', edits: ['first', 'last'] }];
      const copy = { ...refs[0], where: place('c'), id: 'copy' };
      await store.outbox.enqueue([delivery('card')], 10);
      await store.outbox.foundCopy(of, copy);
      await due(20);
      await store.outbox.sent('card', refs, 30);
      await store.outbox.enqueue([editOf('first', 'card'), editOf('last', 'card')], 40);
      for (const key of ['first', 'last']) {
        expect(await due(50)).toEqual([key]);
        await store.outbox.sent(key, refs, 60);
      }
      await store.outbox.foundCopy(of, { where: place('elsewhere'), id: 'copy' });
      expect(await due(70)).toEqual([]);
      for (let time = 0; time < 2; time++) await store.outbox.foundCopy(of, copy);
      const again = await store.outbox.claim({ worker: 'w1', limit: 5, leaseMs: 1_000, now: 80 });
      expect(again).toMatchObject([{ key: 'last', attempts: 0, refs: [...refs, copy] }]);
    });

    test('an edit of what was given up, or never was, is dropped and holds nobody up', async () => {
      await store.outbox.enqueue(
        [delivery('card', 'a'), editOf('e1', 'card', 'a'), editOf('e2', 'card', 'b'), delivery('b2', 'b')],
        10,
      );
      await store.outbox.enqueue([editOf('e3', 'nothing', 'c'), delivery('c2', 'c')], 10);
      expect(await due(20)).toEqual(['card', 'c2']);
      await store.outbox.failed('card', 'kicked', null, 30);
      expect(await due(40)).toEqual(['b2']);
      expect(await store.outbox.refs('e1')).toBeUndefined();
    });

    test('F41: two replicas never hold the same delivery, nor two of one lane', async () => {
      const other = await backend.replica();
      const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
      await Promise.all(
        keys.map((key, index) =>
          (index % 2 ? store : other).outbox.enqueue([delivery(key, `lane${index % 4}`)], 10),
        ),
      );
      const sent: string[] = [];
      const holding = new Set<string>();
      const deliver = async (on: Store, worker: string) => {
        while (sent.length < keys.length) {
          await new Promise((resolve) => setImmediate(resolve));
          const claimed = await on.outbox.claim({ worker, limit: 2, leaseMs: 60_000, now: 20 });
          for (const each of claimed) {
            expect(holding.has(each.lane)).toBe(false);
            holding.add(each.lane);
          }
          for (const each of claimed) {
            holding.delete(each.lane);
            sent.push(each.key);
            await on.outbox.sent(each.key, refs, 30);
          }
        }
      };
      await Promise.all([deliver(store, 'w1'), deliver(other, 'w2'), deliver(other, 'w3')]);
      expect(sent.sort()).toEqual(keys.sort());
    });
  });

  test('E3: usage adds up by day, person, conversation, role and model, also when counted at once', async () => {
    const delta = {
      day: '2026-01-02',
      user: 'web:ana',
      conversation: 'c',
      role: 'action' as const,
      model: 'm',
      promptTokens: 10,
      completionTokens: 5,
      cost: 0.25,
    };
    await Promise.all(Array.from({ length: 10 }, () => store.usage.add([delta, delta])));
    await store.usage.add([
      { ...delta, day: '2026-01-01' },
      { ...delta, user: 'web:ben' },
    ]);
    expect(await store.usage.query({ since: '2026-01-02', user: 'web:ana' })).toEqual([
      { ...delta, calls: 20, promptTokens: 200, completionTokens: 100, cost: 5 },
    ]);
    expect(await store.usage.query({ conversation: 'c' })).toHaveLength(3);
    expect(await store.usage.total('2026-01-02')).toEqual({ tokens: 315, cost: 5.25 });
    expect(await store.usage.total('2026-02-01')).toEqual({ tokens: 0, cost: 0 });
  });

  describe('feed', () => {
    const post = (id: string, thread: string | null = null, conversation = 'c') => ({
      id,
      conversation,
      thread,
      author: 'web:ana',
      authorName: 'Ana',
      createdAt: 10,
      body: { text: id },
    });

    test('conversations are those of everyone and one’s own, the latest first', async () => {
      const created = await store.feed.createConversation({
        id: 'all',
        title: 'All',
        owner: null,
        createdAt: 1,
      });
      expect(created).toEqual({ id: 'all', title: 'All', owner: null, createdAt: 1, lastPostAt: 1 });
      await store.feed.createConversation({ id: 'ana', title: 'Mine', owner: 'web:ana', createdAt: 2 });
      await store.feed.createConversation({ id: 'ben', title: 'His', owner: 'web:ben', createdAt: 3 });
      await store.feed.add(post('p1', null, 'all'));
      await store.feed.renameConversation('ana', 'My own');
      expect(
        (await store.feed.conversations('web:ana')).map((each) => [each.title, each.lastPostAt]),
      ).toEqual([
        ['All', 10],
        ['My own', 2],
      ]);
      expect(await store.feed.conversation('none')).toBeUndefined();
    });

    test('posts are added once, changed, and read by revision', async () => {
      const first = await store.feed.add(post('p1'));
      expect(await store.feed.add({ ...post('p1'), body: 'other' })).toEqual(first);
      await store.feed.add(post('p2', null, 'elsewhere'));
      await store.feed.add(post('p3'));
      const changed = await store.feed.update('p1', { body: { text: 'new' } });
      expect(changed).toMatchObject({ id: 'p1', body: { text: 'new' }, edited: true, deleted: false });
      expect(await store.feed.update('p3', { body: null, deleted: true })).toMatchObject({
        body: { text: 'p3' },
        edited: false,
        deleted: true,
      });
      expect(await store.feed.update('none', { deleted: true })).toBeUndefined();
      expect((await store.feed.since('c', 0, 10)).map((each) => each.id)).toEqual(['p1', 'p3']);
      expect((await store.feed.since('c', first.revision, 1)).map((each) => each.id)).toEqual(['p1']);
      expect((await store.feed.changes(0, 10)).map((each) => each.id)).toEqual(['p2', 'p1', 'p3']);
      expect((await store.feed.changes(0, 10)).at(-1)?.revision).toBe(await store.feed.revision());
      expect(await store.feed.post('p1')).toEqual(changed);
    });

    test('the latest posts, of all, of a thread, of none, and before one', async () => {
      for (const [id, thread] of [
        ['p1', null],
        ['t1', 'p1'],
        ['p2', null],
        ['t2', 'p1'],
        ['p3', null],
      ] as const) {
        await store.feed.add(post(id, thread));
      }
      const ids = async (options: { thread?: string | null; before?: string; limit: number }) =>
        (await store.feed.latest('c', options)).map((each) => each.id);
      expect(await ids({ limit: 3 })).toEqual(['p2', 't2', 'p3']);
      expect(await ids({ thread: null, limit: 2 })).toEqual(['p2', 'p3']);
      expect(await ids({ thread: 'p1', limit: 5 })).toEqual(['t1', 't2']);
      expect(await ids({ thread: null, before: 'p3', limit: 5 })).toEqual(['p1', 'p2']);
    });

    test('a reader that follows revisions while many write misses none', async () => {
      const other = await backend.replica();
      const total = 40;
      const writing = Promise.all(
        Array.from({ length: total }, (_, index) => (index % 2 ? store : other).feed.add(post(`p${index}`))),
      );
      const seen: string[] = [];
      let revision = 0;
      while (seen.length < total) {
        await new Promise((resolve) => setImmediate(resolve));
        for (const each of await store.feed.since('c', revision, 7)) {
          seen.push(each.id);
          revision = each.revision;
        }
      }
      await writing;
      expect(new Set(seen).size).toBe(total);
    });
  });

  test('onChange calls back after the commit, in every process, until it is taken back', async () => {
    const other = await backend.replica();
    const heard = new Map<Topic, number>();
    const topics: Topic[] = ['turns', 'outbox', 'jobs', 'approvals', 'feed'];
    const stops = topics.map((topic) =>
      other.onChange(topic, () => heard.set(topic, (heard.get(topic) ?? 0) + 1)),
    );
    await park(store, [approvalOf(1)]);
    await store.outbox.enqueue([delivery('k')], 10);
    await store.jobs.enqueue({ kind: 'k', key: 'j', payload: null, runAt: 0 });
    await store.feed.createConversation({ id: 'c', title: 't', owner: null, createdAt: 1 });
    await vi.waitFor(() => expect([...heard.keys()].sort()).toEqual([...topics].sort()), { timeout: 10_000 });

    for (const stop of stops) stop();
    const before = heard.get('turns');
    const again = vi.fn();
    const stopAgain = other.onChange('turns', again);
    await accept(store, 'm2', { conversation: 'x' });
    await vi.waitFor(() => expect(again).toHaveBeenCalled(), { timeout: 10_000 });
    expect(heard.get('turns')).toBe(before);
    stopAgain();
  });

  test('E74: that a running turn is to stop is news, also for another process', async () => {
    const other = await backend.replica();
    const heard = vi.fn();
    const stop = other.onChange('stops', heard);
    await accept(store, 'm1');
    const { turn } = await claimOne(store);
    expect(heard).not.toHaveBeenCalled();
    await store.turns.cancel({ id: turn.id, by: null, byName: null, now: 1_000 });
    await vi.waitFor(() => expect(heard).toHaveBeenCalled(), { timeout: 10_000 });
    stop();
  });

  test('a turn that ends tells those who wait to claim what comes after it', async () => {
    await accept(store, 'm1');
    await accept(store, 'm2');
    const claimed = await claimOne(store);
    const heard = vi.fn();
    store.onChange('turns', heard);
    await finish(store, claimed);
    expect(heard).toHaveBeenCalled();
    expect((await claimOne(store)).turn.input.id).toBe('m2');
  });

  test('P3, F41: a claim that passes over a turn while it is edited or decided is told to come again', async () => {
    const { id } = await acceptedTurn(store, 'm1');
    const heard = vi.fn();
    const stop = store.onChange('turns', heard);
    await store.turns.edit(id, 'better', 1_500);
    expect(heard).toHaveBeenCalled();
    stop();
    expect((await claimOne(store)).turn.input.text).toBe('better');
  });

  test('check writes, and closing refuses what comes after', async () => {
    await store.check();
    expect(store.stats().commits).toBeGreaterThan(0);
    const other = await open();
    await other.close();
    await expect(other.store.check()).rejects.toThrow();
  });
}
