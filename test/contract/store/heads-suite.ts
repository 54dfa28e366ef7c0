/** The contract of a writer that remembers how it left a turn: what is there has the last word. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventHash } from '../../../src/domain/event.ts';
import type { ClaimedTurn, Store } from '../../../src/store/store.ts';
import {
  accept,
  approvalOf,
  type Backend,
  claim,
  claimOne,
  finished,
  type OpenBackend,
  park,
  parkClaimed,
  skipped,
  typesOf,
  writeOf,
} from './support.ts';

export function describeHeads(open: OpenBackend): void {
  describe.each(['taken with its message', 'claimed'] as const)('a turn that was %s', (how) => {
    describeHeadsOf(open, how);
  });
}

function describeHeadsOf(open: OpenBackend, how: 'taken with its message' | 'claimed'): void {
  let backend: Backend;
  let store: Store;
  let replica: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
    replica = await backend.replica();
  });
  afterEach(() => backend.close());

  async function taken(): Promise<ClaimedTurn> {
    if (how === 'claimed') {
      await accept(store, 'm1');
      return claimOne(store, 1_000);
    }
    const accepted = await accept(store, 'm1', { taker: { worker: 'w1', leaseMs: 1_000 } });
    if (accepted.outcome !== 'accepted' || accepted.claimed === undefined) throw new Error('not started');
    return accepted.claimed;
  }

  const add = (of: ClaimedTurn, expectedSeq: number, index: number) =>
    store.turns.append(writeOf(of, { expectedSeq, events: [skipped(index)] }));

  /** P9: every row follows from the one before it. */
  async function expectChained(): Promise<void> {
    const rows = await store.events.export({ limit: 100 });
    for (const [index, row] of rows.entries()) {
      const { turnId, seq, at, v } = row.event;
      expect(row.hash).toBe(eventHash(row.prevHash, turnId, seq, at, v, row.bodyJson));
      if (seq > 1) expect([row.prevHash, seq]).toEqual([rows[index - 1]?.hash, index + 1]);
    }
  }

  test('P9: from being taken to its end a turn is written step by step, in one chain', async () => {
    const held = await taken();
    expect((await add(held, 1, 1)).seq).toBe(2);
    expect((await add(held, 2, 2)).seq).toBe(3);
    const { seq } = await store.turns.append(
      writeOf(held, { expectedSeq: 3, events: [finished()], status: 'done', answer: 'done' }),
    );
    expect(seq).toBe(4);
    expect(await store.turns.get(held.turn.id)).toMatchObject({ status: 'done', seq: 4, answer: 'done' });
    await expect(add(held, 4, 4)).rejects.toMatchObject({ details: { reason: 'fence' } });
    await expectChained();
  });

  test('F41: whom another overtook is refused, and leaves nothing', async () => {
    const held = await taken();
    await add(held, 1, 1);
    const [other] = await claim(replica, { worker: 'w2', now: 9_000 });
    if (other === undefined) throw new Error('its lease is over');
    await expect(add(held, 2, 2)).rejects.toMatchObject({
      code: 'store.stale_write',
      details: { reason: 'fence' },
    });
    await replica.turns.append(writeOf(other, { events: [skipped(3)] }));
    await expect(add(held, 3, 4)).rejects.toMatchObject({ details: { reason: 'fence' } });
    expect(await store.events.list(held.turn.id)).toHaveLength(3);
    await expectChained();
  });

  test('F36: a decision that came in between is seen first, then written after', async () => {
    const [first, second] = [approvalOf(1), approvalOf(2)];
    const parked = await park(store, [first, second]);
    const decide = (id: string) =>
      replica.approvals.decide({ id, decision: 'once', by: 'web:bo', byName: 'Bo', now: 2_500 });
    await decide(first.id);
    const held = await claimOne(store, 4_000);
    const { seq } = await add(held, held.turn.seq, 1);
    await decide(second.id);
    await expect(add(held, seq, 2)).rejects.toMatchObject({ details: { reason: 'sequence' } });
    expect((await add(held, seq + 1, 2)).seq).toBe(seq + 2);
    const types = typesOf(await store.events.list(parked.turn.id));
    expect(types.slice(-3)).toEqual(['tool.skipped', 'approval.resolved', 'tool.skipped']);
    await expectChained();
  });

  test('E74: a stop asked for in between stays asked for', async () => {
    const held = await taken();
    await add(held, 1, 1);
    expect(await replica.turns.cancel({ id: held.turn.id, by: null, byName: null, now: 2_000 })).toBe(
      'requested',
    );
    expect((await add(held, 2, 2)).seq).toBe(3);
    expect(await store.turns.get(held.turn.id)).toMatchObject({ status: 'running', cancelRequested: true });
    await expectChained();
  });

  test('a step that failed is as if it had not been tried, though others shared its commit', async () => {
    const twin = approvalOf(1);
    await park(replica, [twin], 'other');
    const held = await taken();
    const results = await Promise.allSettled([
      add(held, 1, 1),
      // Breaks its primary key after the turn was changed.
      store.turns.append(writeOf(held, { expectedSeq: 2, events: [skipped(2)], approvals: [twin] })),
      accept(store, 'm2', { conversation: 'third' }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await add(held, 2, 3)).seq).toBe(3);
    expect(await store.events.list(held.turn.id)).toHaveLength(3);
  });

  test('what still waits for a decision when the turn ends is called off in its log, before the end', async () => {
    const held = await taken();
    const { seq } = await add(held, 1, 1);
    const asked = [approvalOf(1), approvalOf(2)];
    await parkClaimed(store, { ...held, turn: { ...held.turn, seq } }, asked);
    const decided = { decision: 'once', by: 'web:bo', byName: 'Bo', now: 2_500 } as const;
    await store.approvals.decide({ ...decided, id: asked[0]?.id ?? '' });
    const again = await claimOne(store, 4_000);
    const more = await add(again, again.turn.seq, 1);
    await store.turns.append(
      writeOf(again, { expectedSeq: more.seq, events: [finished(null)], status: 'failed', answer: null }),
    );
    const types = typesOf(await store.events.list(held.turn.id));
    expect(types.slice(-2)).toEqual(['approval.resolved', 'turn.finished']);
    expect(await store.approvals.get(asked[1]?.id ?? '')).toMatchObject({ status: 'cancelled' });
    await expectChained();
  });
}
