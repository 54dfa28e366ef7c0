/** The contract of logs: written by who holds the turn, all or nothing, chained, and the history they leave. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventHash } from '../../../src/domain/event.ts';
import type { Store } from '../../../src/store/store.ts';
import {
  accept,
  approvalOf,
  type Backend,
  claimOne,
  delivery,
  finish,
  finished,
  historyOf,
  keyOf,
  type OpenBackend,
  outputOf,
  park,
  place,
  skipped,
  typesOf,
  writeOf,
} from './support.ts';

export function describeLogs(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  describe('append', () => {
    test('everything of one step is written together, or none of it', async () => {
      const twin = approvalOf(1);
      await park(store, [twin], 'other');
      await accept(store, 'm1');
      const claimed = await claimOne(store);
      const usage = [
        {
          day: '2026-01-02',
          user: 'web:ana',
          conversation: keyOf(),
          role: 'action' as const,
          model: 'm',
          promptTokens: 3,
          completionTokens: 4,
          cost: 0.5,
        },
      ];
      const parts = {
        deliveries: [delivery('k1')],
        jobs: [{ kind: 'reflect', key: 'j1', payload: { a: 1 }, runAt: 0 }],
        usage,
        outputs: [{ index: 1, start: 0, text: 'all of it' }],
      };
      // The second approval breaks its primary key, after all else was written.
      const broken = writeOf(claimed, { ...parts, events: [skipped(1)], approvals: [twin] });
      await expect(store.turns.append(broken)).rejects.toThrow();
      expect(typesOf(await store.events.list(claimed.turn.id))).toEqual(['turn.started']);
      expect(await store.outbox.nextDue()).toBeUndefined();
      expect(await store.usage.total('2026-01-02')).toEqual({ tokens: 0, cost: 0 });
      expect(await outputOf(store, claimed)).toBeUndefined();

      const { seq } = await store.turns.append(
        writeOf(claimed, { ...parts, events: [skipped(1), skipped(2)] }),
      );
      expect(seq).toBe(3);
      expect(typesOf(await store.events.list(claimed.turn.id, 1))).toEqual(['tool.skipped', 'tool.skipped']);
      expect(await store.outbox.nextDue()).toBe(0);
      expect(await store.usage.total('2026-01-02')).toEqual({ tokens: 7, cost: 0.5 });
      expect(await outputOf(store, claimed)).toBe('all of it');
      expect(await store.jobs.enqueue({ kind: 'reflect', key: 'j1', payload: {}, runAt: 0 })).toBe(false);
    });

    test('of two writes at one place the second is refused', async () => {
      await accept(store, 'm1');
      const claimed = await claimOne(store);
      const results = await Promise.allSettled([
        store.turns.append(writeOf(claimed, { events: [skipped(1)] })),
        store.turns.append(writeOf(claimed, { events: [skipped(2)] })),
      ]);
      expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
      const refused = results.find((result) => result.status === 'rejected');
      expect(refused?.reason).toMatchObject({ code: 'store.stale_write', details: { reason: 'sequence' } });
      expect(await store.events.list(claimed.turn.id)).toHaveLength(2);
    });

    test('an ended turn takes nothing more, and says how it ended', async () => {
      await accept(store, 'm1');
      const claimed = await claimOne(store);
      const { seq } = await store.turns.append(
        writeOf(claimed, {
          events: [finished(null)],
          status: 'failed',
          errorCode: 'model.timeout',
          answer: null,
        }),
      );
      expect(await store.turns.get(claimed.turn.id)).toMatchObject({
        status: 'failed',
        errorCode: 'model.timeout',
        endedAt: 3_000,
      });
      await expect(
        store.turns.append(writeOf(claimed, { expectedSeq: seq, events: [skipped(1)] })),
      ).rejects.toMatchObject({ code: 'store.stale_write' });
    });

    test('a turn cannot go to sleep with nothing that would wake it', async () => {
      await accept(store, 'm1');
      const claimed = await claimOne(store);
      await expect(store.turns.append(writeOf(claimed, { status: 'waiting' }))).rejects.toThrow(
        /nothing to be decided/,
      );
      expect((await store.turns.get(claimed.turn.id))?.status).toBe('running');
    });

    test('E73, P9: logs are gapless and chained, within a turn and from turn to turn of a session', async () => {
      for (const id of ['m1', 'm2', 'm3']) await accept(store, id);
      for (const _ of [1, 2]) await finish(store, await claimOne(store));
      const rows = await store.events.export({ limit: 100 });
      expect(rows).toHaveLength(5);
      const firsts = rows.filter((row) => row.event.seq === 1);
      rows.forEach((row, index) => {
        const { turnId, seq, at, v } = row.event;
        expect(row.hash).toBe(eventHash(row.prevHash, turnId, seq, at, v, row.bodyJson));
        const before = seq === 1 ? firsts[firsts.indexOf(row) - 1] : rows[index - 1];
        if (before !== undefined) expect(row.prevHash).toBe(before.hash);
      });
      const paged = [];
      let after: { ordinal: number; seq: number } | undefined;
      for (;;) {
        const page = await store.events.export({ limit: 2, ...(after && { after }) });
        const last = page.at(-1);
        if (last === undefined) break;
        paged.push(...page);
        after = { ordinal: last.ordinal, seq: last.event.seq };
      }
      expect(paged).toEqual(rows);
      expect(await store.events.export({ since: 3_000, limit: 10 })).toHaveLength(2);
    });

    test('E73: the database itself refuses to change or remove an event', async () => {
      await accept(store, 'm1');
      const [before] = await store.events.export({ limit: 1 });
      await expect(backend.raw(`update events set body = '{}'`)).rejects.toThrow(/append-only/);
      await expect(backend.raw('delete from events')).rejects.toThrow(/append-only/);
      await expect(backend.raw('delete from turns')).rejects.toThrow();
      expect(await store.events.export({ limit: 1 })).toEqual([before]);
    });
  });

  describe('history', () => {
    test('E16: ended turns of the session, oldest first, the latest so many', async () => {
      for (const id of ['m1', 'm2', 'm3', 'm4']) await accept(store, id);
      const turns = [];
      for (const id of ['m1', 'm2', 'm3']) {
        const claimed = await claimOne(store);
        turns.push(claimed.turn);
        await finish(store, claimed, { answer: `re ${id}` });
      }
      const history = await historyOf(store, keyOf(), { limit: 2 });
      expect(history.map((entry) => [entry.input.id, entry.answer, entry.status])).toEqual([
        ['m2', 're m2', 'done'],
        ['m3', 're m3', 'done'],
      ]);
      const upTo = turns[1]?.ordinal ?? 0;
      expect((await historyOf(store, keyOf(), { limit: 5, upTo })).map((entry) => entry.input.id)).toEqual([
        'm1',
        'm2',
      ]);
    });

    test('a reset cuts off all that was accepted before it', async () => {
      await accept(store, 'm1');
      await finish(store, await claimOne(store));
      await store.sessions.reset(keyOf(), 4_000);
      expect(await historyOf(store, keyOf(), { limit: 5 })).toEqual([]);
      await accept(store, 'm2');
      await finish(store, await claimOne(store));
      expect((await historyOf(store, keyOf(), { limit: 5 })).map((entry) => entry.input.id)).toEqual(['m2']);
    });

    test('what is open in a session: the active turn with its log, and the queue behind it', async () => {
      expect(await store.sessions.active(keyOf())).toBeUndefined();
      await accept(store, 'm1');
      await accept(store, 'm2');
      expect(await store.sessions.active(keyOf())).toBeUndefined();
      const claimed = await claimOne(store);
      const active = await store.sessions.active(keyOf());
      expect(active?.turn).toEqual(claimed.turn);
      expect(typesOf(active?.events ?? [])).toEqual(['turn.started']);
      expect((await store.sessions.pending(keyOf())).map((turn) => turn.input.id)).toEqual(['m1', 'm2']);
      expect((await store.turns.list({ status: 'queued', limit: 5 })).map((turn) => turn.input.id)).toEqual([
        'm2',
      ]);
      expect((await store.turns.list({ session: keyOf(), limit: 5 })).map((turn) => turn.input.id)).toEqual([
        'm2',
        'm1',
      ]);
      expect((await store.turns.byMessage(place('c'), 'm2'))?.input.id).toBe('m2');
      expect(await store.sessions.get(keyOf())).toMatchObject({ key: keyOf(), historyAfter: 0 });
    });
  });
}
