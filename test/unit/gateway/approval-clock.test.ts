/** What time does to requests, and when it is looked at. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApprovalClock, sweepApprovals } from '../../../src/gateway/approval-clock.ts';
import type { NewDelivery, Store } from '../../../src/store/store.ts';
import { silent } from '../../contract/store/support.ts';
import { ben, openScene, type Scene, type Wanted } from './approvals-scene.ts';

describe('a sweep', () => {
  let s: Scene;
  beforeEach(async () => {
    s = await openScene();
  });
  afterEach(() => s.close());

  const sweep = (changed: Partial<Store> = {}) =>
    sweepApprovals({ ...s.deps, store: { ...s.store, ...changed } });
  const sent = async () =>
    (await s.drain()).map(({ key, message }) => [key, message.card?.outcome ?? message.text]);
  const statusOf = async (id: string) => (await s.store.approvals.get(id))?.status;

  it('E46, F37: what nobody decided in time is denied as expired, its card says so, and it is counted', async () => {
    const { turn, id } = await s.wait({ row: { expiresAt: 10_000 } });
    await s.wait({ row: { expiresAt: 20_000 } });
    expect(await sweep()).toBe(10_000);
    expect([await statusOf(id), s.counted]).toEqual(['pending', []]);
    s.rules.now = 10_000;
    expect(await sweep()).toBe(20_000);
    expect(await s.last(turn)).toMatchObject({ decision: 'expired', by: null, byName: null, at: 10_000 });
    expect(s.counted).toEqual([['parley_approvals_total', { decision: 'expired' }]]);
    expect(await sent()).toEqual([[`${id}:card:decided`, 'Expired without a decision']]);
    s.rules.now = 20_000;
    expect(await sweep()).toBeUndefined();
  });

  it('F36: what somebody decided just before is theirs', async () => {
    const { id } = await s.wait({});
    const late = await s.store.approvals.get(id);
    await s.decide(id, 'once', ben);
    const overdue = async () => (late === undefined ? [] : [late]);
    await sweep({ approvals: { ...s.store.approvals, overdue } });
    expect(await statusOf(id)).toBe('approved');
    expect(s.counted).toEqual([['parley_approvals_total', { decision: 'once' }]]);
  });

  it('F40: of a request that nobody has seen the requester is told', async () => {
    s.rules.online = false;
    const { id } = await s.wait({});
    s.rules.now = 100_000;
    await sweep();
    expect(await sent()).toContainEqual([
      `${id}:unseen`,
      'The request to approve `rm 1` could not be delivered to anybody, so it was not run.',
    ]);
  });

  it('F32: a request without its turn or its log expires or is reminded of all the same', async () => {
    const { id } = await s.wait({ row: { remindAt: 4_000 } });
    const turns = { ...s.store.turns, get: async () => undefined };
    expect(await sweep({ turns })).toBe(100_000);
    s.rules.now = 100_000;
    await sweep({ turns });
    expect(await statusOf(id)).toBe('expired');
    expect(await s.drain()).toEqual([]);
  });

  it('F40: a reminder goes out once, to the conversation and in private, saying how long it waits', async () => {
    const { turn, id } = await s.wait({ row: { remindAt: 5_000 } });
    expect(await sweep()).toBe(100_000);
    expect(await s.last(turn)).toMatchObject({ type: 'approval.reminded', approvalId: id, index: 1 });
    const reminded = await sent();
    expect(reminded.map(([key]) => key).sort()).toEqual([
      `${id}:card:web:ana`,
      `${id}:card:web:ben`,
      `${id}:card:web:cy`,
      `${id}:reminder`,
    ]);
    expect(reminded.find(([key]) => key === `${id}:reminder`)?.[1]).toBe(
      'Still waiting for approval of `rm 1` (asked 2.0 s ago). It is denied in 1 min 35 s.',
    );
    await sweep();
    expect(await s.drain()).toEqual([]);
  });

  describe('of a batch', () => {
    const batch = { row: { batch: 'B' } };
    const decided = async (...wanted: readonly Wanted[]) => {
      const { ids } = await s.wait(...wanted);
      for (const id of ids) await s.decide(id, 'once', ben);
      const edits: NewDelivery[] = [];
      const { approvals } = s.store;
      const closeBatch: typeof approvals.closeBatch = async (batch, now, deliveries) => {
        edits.push(...deliveries);
        await approvals.closeBatch(batch, now, deliveries);
      };
      await sweep({ approvals: { ...approvals, closeBatch } });
      expect(await approvals.decidedBatches(10)).toEqual([]);
      // None that would wait for ever for a card that was never sent.
      return edits;
    };

    it('E46: the card over all of it is closed once nothing is open', async () => {
      const { ids } = await s.wait(batch, batch, {});
      await s.decide(ids[0] ?? '', 'once', ben);
      await s.drain();
      await sweep();
      expect(await s.drain()).toEqual([]);
      await s.decide(ids[1] ?? '', 'once', ben);
      await s.drain();
      await sweep();
      expect(await sent()).toEqual([['B:card:decided', 'Both: Approved once by Ben']]);
    });

    it('one alone has no such card', async () => {
      expect(await decided(batch)).toEqual([]);
    });

    it('those on a summary have no such card either', async () => {
      const one = { ...batch, event: { summary: 'S' } };
      expect(await decided(one, one)).toEqual([]);
    });

    it('F32: is closed also when its turn is gone', async () => {
      const { ids } = await s.wait(batch, batch);
      for (const id of ids) await s.decide(id, 'once', ben);
      await s.drain();
      await sweep({ turns: { ...s.store.turns, get: async () => undefined } });
      expect(await s.store.approvals.decidedBatches(10)).toEqual([]);
      expect(await s.drain()).toEqual([]);
    });
  });
});

describe('the clock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  /** Time and deadlines without requests; counts how often they are looked at. */
  function start(deadline: number | undefined) {
    const seen = {
      deadline,
      sweeps: 0,
      running: 0,
      most: 0,
      failing: false,
      errors: [] as unknown[],
      topics: [] as string[],
    };
    let changed = () => {};
    const store = {
      approvals: {
        async overdue() {
          seen.sweeps++;
          seen.running++;
          seen.most = Math.max(seen.most, seen.running);
          if (!seen.failing) return [];
          seen.running--;
          throw new Error('disk full');
        },
        forgotten: async () => [],
        decidedBatches: async () => [],
        async nextDeadline() {
          seen.running--;
          return seen.deadline;
        },
      },
      onChange(topic: string, listener: () => void) {
        seen.topics.push(topic);
        changed = listener;
        return () => {
          seen.topics = [];
          changed = () => {};
        };
      },
    } as unknown as Store;
    const clock = createApprovalClock({
      store,
      cards: {} as Scene['cards'],
      clock: { now: () => Date.now(), monotonic: () => 0 },
      log: { ...silent, error: (...of: unknown[]) => void seen.errors.push(of) },
      metrics: { count() {}, gauge() {}, observe() {} },
    });
    clock.start();
    return { seen, clock, change: () => changed(), pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
  }

  it('F7, F37: looks at the start, and again when something is due', async () => {
    const { seen, pass } = start(Date.now() + 5_000);
    await pass(0);
    expect([seen.sweeps, seen.topics]).toEqual([1, ['approvals']]);
    await pass(4_999);
    expect(seen.sweeps).toBe(1);
    seen.deadline = undefined;
    await pass(1);
    expect(seen.sweeps).toBe(2);
    await pass(600_000);
    expect(seen.sweeps).toBe(2);
  });

  it('F33: looks once a minute while something waits, since clocks get set', async () => {
    const { seen, pass } = start(Date.now() + 40 * 86_400_000);
    await pass(59_999);
    expect(seen.sweeps).toBe(1);
    await pass(1);
    expect(seen.sweeps).toBe(2);
  });

  it('F7: what is overdue already is looked at next, without a time before now', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const { seen, pass, clock } = start(Date.now() - 10);
    await pass(1);
    expect(seen.sweeps).toBeGreaterThan(1);
    expect(timers).toHaveBeenLastCalledWith(expect.any(Function), 0);
    await clock.stop();
  });

  it('looks when something has changed, one look at a time, and forgets the earlier appointment', async () => {
    const { seen, change, pass } = start(Date.now() + 5_000);
    await pass(0);
    seen.deadline = Date.now() + 50_000;
    change();
    change();
    await pass(0);
    expect([seen.sweeps, seen.most]).toEqual([3, 1]);
    await pass(49_999);
    expect(seen.sweeps).toBe(3);
    expect(vi.getTimerCount()).toBe(1);
    seen.deadline = undefined;
    change();
    await pass(0);
    expect([seen.sweeps, vi.getTimerCount()]).toEqual([4, 0]);
  });

  it('F30: a failed look is logged and tried again after a second', async () => {
    const { seen, pass } = start(Date.now() + 5_000);
    seen.failing = true;
    await pass(0);
    expect(seen.errors).toEqual([[{ detail: 'disk full' }, 'cannot expire approvals; trying again']]);
    seen.failing = false;
    await pass(999);
    expect(seen.sweeps).toBe(1);
    await pass(1);
    expect([seen.sweeps, seen.errors.length]).toEqual([2, 1]);
    await pass(4_000);
    expect(seen.sweeps).toBe(3);
  });

  it('stops: nothing is looked at any more, whatever changes, and no failure brings it back', async () => {
    const { seen, clock, change, pass } = start(Date.now() + 5_000);
    await pass(0);
    await clock.stop();
    expect([seen.topics, vi.getTimerCount()]).toEqual([[], 0]);
    change();
    await pass(60_000);
    expect([seen.sweeps, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it.each([false, true])(
    'stops in the middle of a look, which is waited for (failing: %s)',
    async (failing) => {
      const { seen, clock, pass } = start(Date.now() + 5_000);
      seen.failing = failing;
      const before = clock.stop();
      // The first look has not begun yet: it is not made at all.
      await before;
      expect([seen.sweeps, vi.getTimerCount()]).toEqual([0, 0]);
      const other = start(Date.now() + 5_000);
      other.seen.failing = failing;
      await Promise.resolve();
      expect([other.seen.sweeps, other.seen.running]).toEqual([1, failing ? 0 : 1]);
      await other.clock.stop();
      expect([other.seen.running, vi.getTimerCount()]).toEqual([0, 0]);
      await pass(60_000);
      expect([other.seen.sweeps, vi.getTimerCount()]).toEqual([1, 0]);
    },
  );
});
