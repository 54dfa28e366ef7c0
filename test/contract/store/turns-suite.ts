/** The contract of turns: accepted once, worked on by one at a time, in order. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClaimedTurn, Store } from '../../../src/store/store.ts';
import {
  accept,
  acceptedTurn,
  type Backend,
  claim,
  claimOne,
  delivery,
  finish,
  keyOf,
  type OpenBackend,
  outputOf,
  place,
  skipped,
  typesOf,
  writeOf,
} from './support.ts';

export function describeTurns(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  describe('accept', () => {
    test('F12, E18, P2: one event delivered four times at once is one turn', async () => {
      const other = await backend.replica();
      const results = await Promise.all([store, other, store, other].map((each) => accept(each, 'm1')));
      expect(results.map((result) => result.outcome).sort()).toEqual([
        'accepted',
        'duplicate',
        'duplicate',
        'duplicate',
      ]);
      const turns = await store.turns.list({ limit: 10 });
      expect(turns).toHaveLength(1);
      expect(await store.events.list(turns[0]?.id ?? '')).toHaveLength(1);
    });

    test('E2: the log begins with the message, its author, workspace, session and channel', async () => {
      const turn = await acceptedTurn(store, 'm1');
      const [started] = await store.events.list(turn.id);
      expect(started).toMatchObject({
        type: 'turn.started',
        seq: 1,
        author: 'web:ana',
        workspace: '/work',
        session: keyOf(),
        channel: 'web',
        message: { id: 'm1', text: 'hello' },
      });
      expect(await store.turns.get(turn.id)).toEqual(turn);
    });

    test('the same message id in another conversation is another message', async () => {
      expect((await accept(store, 'm1', { conversation: 'a' })).outcome).toBe('accepted');
      expect((await accept(store, 'm1', { conversation: 'b' })).outcome).toBe('accepted');
    });

    test('F44: a full queue refuses, and counts the active turn apart', async () => {
      await accept(store, 'm1', { queueLimit: 1 });
      await claimOne(store);
      expect(await accept(store, 'm2', { queueLimit: 1 })).toMatchObject({ outcome: 'accepted', ahead: 1 });
      expect(await accept(store, 'm3', { queueLimit: 1 })).toEqual({ outcome: 'queue-full', queued: 1 });
      expect(await accept(store, 'm2', { queueLimit: 1 })).toMatchObject({ outcome: 'duplicate' });
    });

    test('E13: text of every kind comes back as it was, U+0000 included', async () => {
      const text = '漢字 \u{1F468}\u200D\u{1F469}\u200D\u{1F467} \u0000 "quoted" \u202E end';
      await accept(store, 'm1', { text });
      const claimed = await claimOne(store);
      await finish(store, claimed, { answer: text, outputs: [{ index: 1, start: 0, text }] });
      expect((await store.turns.get(claimed.turn.id))?.answer).toBe(text);
      expect((await store.turns.get(claimed.turn.id))?.input.text).toBe(text);
      expect(await outputOf(store, claimed)).toBe(text);
    });
  });

  describe('claim', () => {
    test('E17: a session has one turn at work; other sessions go on beside it', async () => {
      await accept(store, 'a1', { conversation: 'a' });
      await accept(store, 'a2', { conversation: 'a' });
      await accept(store, 'b1', { conversation: 'b' });
      const first = await claim(store);
      expect(first.map(({ turn }) => turn.input.id)).toEqual(['a1', 'b1']);
      expect(first[0]).toMatchObject({
        turn: { status: 'running', fence: 1, startedAt: 2_000 },
        session: { key: keyOf('a'), where: place('a') },
        events: [{ type: 'turn.started' }],
      });
      expect(await claim(store)).toEqual([]);
      await finish(store, first[0] as ClaimedTurn);
      expect((await claim(store)).map(({ turn }) => turn.input.id)).toEqual(['a2']);
    });

    test('P3, E17, F41: whatever the interleaving of workers, order holds and no two turns of a session run', async () => {
      const other = await backend.replica();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 }),
          fc.integer({ min: 1, max: 4 }),
          async (conversations, workers) => {
            run += 1;
            const running = new Set<string>();
            const ended: { session: string; ordinal: number }[] = [];
            const accepting = conversations.map((conversation, index) =>
              accept(index % 2 === 0 ? store : other, `r${run}m${index}`, {
                conversation: `r${run}c${conversation}`,
              }),
            );
            const work = async (worker: number) => {
              const mine = worker % 2 === 0 ? store : other;
              while (ended.length < conversations.length) {
                // A read of SQLite never leaves the microtask queue, so a loop over it has to.
                await new Promise((resolve) => setImmediate(resolve));
                const claimed = await claim(mine, { worker: `w${worker}`, limit: 2 });
                for (const one of claimed) {
                  expect(running.has(one.turn.session)).toBe(false);
                  running.add(one.turn.session);
                }
                for (const one of claimed) {
                  const { seq } = await mine.turns.append(writeOf(one, { events: [skipped(1)] }));
                  ended.push({ session: one.turn.session, ordinal: one.turn.ordinal });
                  running.delete(one.turn.session);
                  await finish(mine, one, { expectedSeq: seq });
                }
              }
            };
            await Promise.all([...accepting, ...Array.from({ length: workers }, (_, index) => work(index))]);
            for (const { session } of ended) {
              const ordinals = ended.filter((each) => each.session === session).map((each) => each.ordinal);
              expect(ordinals).toEqual([...ordinals].sort((a, b) => a - b));
              expect(new Set(ordinals).size).toBe(ordinals.length);
            }
          },
        ),
        { numRuns: 12 },
      );
    });

    test('P3: a message accepted just as the turn before it ends is never left behind', async () => {
      const other = await backend.replica();
      const conversations = Array.from({ length: 60 }, (_, index) => `c${index}`);
      await Promise.all(conversations.map((conversation) => accept(store, 'first', { conversation })));
      const claimed = await claim(store, { limit: 100 });
      expect(claimed).toHaveLength(conversations.length);
      await Promise.all(
        claimed.flatMap((one) => [
          finish(store, one),
          accept(other, 'second', { conversation: one.turn.input.where.conversation }),
        ]),
      );
      expect(await claim(store, { limit: 100 })).toHaveLength(conversations.length);
    });

    test('F41: when a lease runs out another worker has the turn, and the old one is refused', async () => {
      const other = await backend.replica();
      await accept(store, 'm1');
      const old = await claimOne(store, 2_000);
      expect(await claim(other, { worker: 'w2', now: 2_999 })).toEqual([]);
      const [taken] = await claim(other, { worker: 'w2', now: 3_000 });
      expect(taken?.turn).toMatchObject({ id: old.turn.id, fence: 2 });
      await expect(finish(store, old)).rejects.toMatchObject({
        code: 'store.stale_write',
        details: { reason: 'fence' },
      });
      expect(typesOf(await store.events.list(old.turn.id))).toEqual(['turn.started']);
      await finish(other, taken as ClaimedTurn);
    });

    test('a renewed lease holds; a lost one is told, and so is a wish to cancel', async () => {
      await accept(store, 'a', { conversation: 'a' });
      await accept(store, 'b', { conversation: 'b' });
      const [a, b] = (await claim(store)) as [ClaimedTurn, ClaimedTurn];
      const held = [a, b].map(({ turn }) => ({ id: turn.id, fence: turn.fence }));
      const renew = (now: number) => store.turns.renew({ worker: 'w1', turns: held, leaseMs: 1_000, now });
      expect(await renew(2_900)).toEqual({ lost: [], cancelled: [] });
      expect(await claim(store, { worker: 'w2', now: 3_500 })).toEqual([]);
      await finish(store, a);
      expect(await store.turns.cancel({ id: b.turn.id, by: null, byName: null, now: 3_000 })).toBe(
        'requested',
      );
      expect(await renew(3_600)).toEqual({ lost: [a.turn.id], cancelled: [b.turn.id] });
    });

    test('released turns are ready at once: own ones at shutdown, those of processes that are gone at boot', async () => {
      await accept(store, 'a', { conversation: 'a' });
      const first = await claimOne(store);
      expect(await store.turns.release({ worker: 'w2' })).toBe(0);
      expect(await store.turns.release({ worker: 'w1' })).toBe(1);
      await expect(finish(store, first)).rejects.toMatchObject({ code: 'store.stale_write' });
      const second = await claimOne(store, 2_001);
      expect(second.turn.fence).toBeGreaterThan(first.turn.fence);
      await store.releaseAbandoned();
      expect((await claimOne(store, 2_002)).turn.id).toBe(first.turn.id);
    });
  });

  describe('before it starts', () => {
    test('E75, F13: an edit replaces the text of a queued turn, and of no other', async () => {
      const turn = await acceptedTurn(store, 'm1');
      expect(await store.turns.edit(turn.id, 'new', 1_500)).toBe(true);
      const claimed = await claimOne(store);
      expect(claimed.turn.input.text).toBe('new');
      expect(typesOf(claimed.events)).toEqual(['turn.started', 'message.edited']);
      expect(await store.turns.edit(turn.id, 'late', 2_500)).toBe(false);
      await finish(store, claimed);
    });

    test('E75, F13: a deleted message is cancelled, with its end in the log, and the next one goes', async () => {
      const turn = await acceptedTurn(store, 'm1');
      await accept(store, 'm2');
      const cancel = () =>
        store.turns.cancel({
          id: turn.id,
          by: 'web:ana',
          byName: 'Ana',
          now: 1_500,
          deliveries: [delivery('bye')],
        });
      expect(await cancel()).toBe('cancelled');
      expect(await cancel()).toBe('ended');
      expect((await store.turns.get(turn.id))?.status).toBe('cancelled');
      expect((await store.events.list(turn.id)).at(-1)).toMatchObject({
        type: 'turn.finished',
        reason: 'cancelled',
      });
      expect((await claim(store)).map((claimed) => claimed.turn.input.id)).toEqual(['m2']);
      expect(await store.outbox.nextDue()).toBe(0);
    });

    test('a turn queued behind one that is cancelled in the middle of the queue keeps its place', async () => {
      await accept(store, 'm1');
      const middle = await acceptedTurn(store, 'm2');
      await accept(store, 'm3');
      const first = await claimOne(store);
      await store.turns.cancel({ id: middle.id, by: null, byName: null, now: 2_000 });
      expect(await claim(store)).toEqual([]);
      await finish(store, first);
      expect((await claim(store)).map((claimed) => claimed.turn.input.id)).toEqual(['m3']);
    });
  });
}
