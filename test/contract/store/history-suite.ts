/** The contract of what was said before: the newest turns, summaries of the older ones, and words found in all. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Compaction } from '../../../src/domain/session-store.ts';
import type { Store } from '../../../src/store/store.ts';
import {
  accept,
  type Backend,
  claimOne,
  compactionOf,
  finish,
  finished,
  historyOf,
  keyOf,
  type OpenBackend,
} from './support.ts';

export function describeHistory(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  let count = 0;
  /** A turn from message to answer; resolves to its ordinal. */
  async function exchange(
    text: string,
    answer: string,
    options: { conversation?: string; compaction?: Compaction } = {},
  ) {
    const { conversation = 'c', compaction } = options;
    count += 1;
    await accept(store, `m${count}`, { conversation, text });
    const claimed = await claimOne(store);
    await finish(store, claimed, { answer, ...(compaction === undefined ? {} : { compaction }) });
    return claimed.turn.ordinal;
  }
  const found = async (text: string, limit = 5) =>
    (await store.sessions.search(keyOf(), { text, limit })).map((entry) => entry.input.text);

  test('words are found in messages and answers of this session alone, best first, newest first among equals', async () => {
    await exchange('When does the train leave?', 'At NINE, from platform 4.');
    await exchange('会議は金曜日の三時です', 'わかりました');
    await exchange('The train was late.', 'Sorry about the train.');
    await exchange('Elsewhere the train leaves at nine', 'ok', { conversation: 'other' });
    expect(await found('train')).toEqual(['The train was late.', 'When does the train leave?']);
    expect(await found('train, nine?')).toEqual(['When does the train leave?', 'The train was late.']);
    expect(await found('金曜日')).toEqual(['会議は金曜日の三時です']);
    expect(await found('train', 1)).toHaveLength(1);
    for (const nothing of ['', '?!', '%', '_', 'aeroplane']) expect(await found(nothing)).toEqual([]);
  });

  test('words are found through more turns than are read at once, and not before a fresh start', async () => {
    for (let i = 0; i < 205; i++) await exchange(i === 0 ? 'needle' : `hay ${i}`, 'ok');
    expect(await found('needle')).toEqual(['needle']);
    await store.sessions.reset(keyOf(), 1);
    expect(await found('needle')).toEqual([]);
  });

  test('E16: what was kept of a history and what is read of it anew are the same, whatever happens in between', async () => {
    const ask = fc.record({
      what: fc.constant('ask' as const),
      limit: fc.nat({ max: 6 }),
      from: fc.option(fc.nat({ max: 9 }), { freq: 2 }),
      upTo: fc.option(fc.nat({ max: 9 }), { freq: 2 }),
      isSummed: fc.boolean(),
    });
    const does = fc
      .oneof(
        { weight: 9, arbitrary: fc.constant('accept' as const) },
        { weight: 8, arbitrary: fc.constant('finish' as const) },
        { weight: 2, arbitrary: fc.constant('compact' as const) },
        { weight: 2, arbitrary: fc.constant('cancel' as const) },
        { weight: 1, arbitrary: fc.constant('reset' as const) },
      )
      .map((what) => ({ what }) as const);
    const steps = fc.array(fc.oneof({ weight: 1, arbitrary: ask }, { weight: 3, arbitrary: does }), {
      minLength: 20,
      maxLength: 60,
      size: 'max',
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        run += 1;
        const conversation = `run${run}`;
        const turns: { ordinal: number; id: string; text: string; ended: boolean; after: boolean }[] = [];
        let summary: Compaction | undefined;
        const pick = (index: number | null) => (index === null ? undefined : turns[index]?.ordinal);
        for (const step of all) {
          const [first, ...queued] = turns.filter(({ ended }) => !ended);
          if (step.what === 'accept') {
            const text = `${conversation} ${turns.length}`;
            const accepted = await accept(store, text, { conversation, text });
            if (accepted.outcome !== 'accepted') throw new Error(accepted.outcome);
            const { ordinal, id } = accepted.turn;
            turns.push({ ordinal, id, text, ended: false, after: true });
          } else if (step.what === 'finish' && first !== undefined) {
            await finish(store, await claimOne(store));
            first.ended = true;
          } else if (step.what === 'compact' && first?.after === true) {
            // As the engine does it: what is kept in full begins later with every summary.
            const left = turns.filter(({ ended, after, ordinal }) => {
              return ended && after && ordinal > (summary?.keptFrom ?? 0);
            });
            const keptFrom = left[Math.floor(left.length / 2)]?.ordinal;
            if (keptFrom === undefined) continue;
            summary = { keptFrom, summary: `up to ${keptFrom}`, untrusted: false };
            await finish(store, await claimOne(store), { compaction: summary });
            first.ended = true;
          } else if (step.what === 'cancel') {
            const last = queued.at(-1);
            if (last === undefined) continue;
            await store.turns.cancel({ id: last.id, by: null, byName: null, now: 3_000 });
            last.ended = true;
          } else if (step.what === 'reset') {
            await store.sessions.reset(keyOf(conversation), 1);
            for (const turn of turns) turn.after = false;
            summary = undefined;
          } else if (step.what === 'ask') {
            const from = pick(step.from) ?? 0;
            const upTo = pick(step.upTo) ?? Number.MAX_SAFE_INTEGER;
            const range = { turns: step.limit, from, upTo, ...(step.isSummed ? {} : { keptFrom: null }) };
            const found = await store.sessions.past(keyOf(conversation), range);
            const compaction = step.isSummed ? summary : undefined;
            expect(found.compaction).toEqual(compaction);
            const known = turns.filter(({ ordinal, ended, after }) => {
              return (
                ended && after && ordinal >= Math.max(from, compaction?.keptFrom ?? 0) && ordinal <= upTo
              );
            });
            const limit = step.limit * (compaction === undefined ? 1 : 2);
            const expected = limit === 0 ? [] : known.slice(-limit);
            expect(found.entries.map(({ input }) => input.text)).toEqual(expected.map(({ text }) => text));
          }
        }
        // Nothing is left for the claims of the next run.
        for (const { id, ended } of turns)
          if (!ended) await store.turns.cancel({ id, by: null, byName: null, now: 3_000 });
      }),
      { numRuns: 60 },
    );
  });

  test('E16: those who ask at once are told the same, each turn once', async () => {
    const texts = (turns: number, upTo?: number) =>
      store.sessions
        .past(keyOf(), { turns, ...(upTo === undefined ? {} : { upTo }) })
        .then(({ entries }) => entries.map(({ input }) => input.text));
    const first = await exchange('a', '1');
    await exchange('b', '2');
    expect(await texts(9)).toEqual(['a', 'b']);
    await exchange('c', '3');
    await exchange('d', '4');
    const all = ['a', 'b', 'c', 'd'];
    const asked = [texts(9), texts(9), texts(9, first), texts(2), texts(9)];
    expect(await Promise.all(asked)).toEqual([all, all, ['a'], ['c', 'd'], all]);
    expect(await texts(9)).toEqual(all);
  });

  test('E16: the order of what was said is that of the messages, wherever and whenever they were written', async () => {
    const texts = async () =>
      (await store.sessions.past(keyOf(), { turns: 9 })).entries.map(({ input }) => input.text);
    const said: string[] = [];
    for (let round = 0; round < 4; round++) {
      const ids: string[] = [];
      for (let i = 0; i < 6; i++) {
        count += 1;
        const accepted = await accept(store, `m${count}`, { text: `${count}` });
        if (accepted.outcome !== 'accepted') throw new Error(accepted.outcome);
        said.push(`${count}`);
        ids.push(accepted.turn.id);
      }
      // From the end: rows are rewritten in an order that is not theirs, and where there is room.
      for (const id of ids.slice(3).reverse())
        await store.turns.cancel({ id, by: null, byName: null, now: 3_000 });
      for (let i = 0; i < 3; i++) await finish(store, await claimOne(store));
      await backend.raw('vacuum');
      expect(await texts()).toEqual(said.slice(-9));
    }
  });

  test('A30: text from outside that was read is known of the session, before a turn and since the fresh start', async () => {
    const first = await exchange('one', '1');
    const claimOf = async (id: string, conversation: string, output: string, untrusted: boolean) => {
      await accept(store, id, { conversation });
      const claimed = await claimOne(store);
      const read = { type: 'tool.finished', index: 1, callId: 'c', tool: 'shell', ok: true, output } as const;
      const done = {
        ...read,
        metadata: {},
        durationMs: 1,
        fullOutput: false,
        ...(untrusted ? { untrusted } : {}),
      };
      await finish(store, claimed, { events: [done, finished()] });
      return claimed.turn.ordinal;
    };
    const own = await claimOf('own words', 'c', 'it says "untrusted":true', false);
    await claimOf('elsewhere', 'other', 'x', true);
    const outside = await claimOf('outside', 'c', 'x', true);
    const later = await exchange('two', '2');
    const read = (upTo: number) => store.sessions.readOutside(keyOf(), upTo);
    for (const ordinal of [first, own, outside]) expect(await read(ordinal)).toBe(false);
    for (const ordinal of [outside + 1, later, later + 1]) expect(await read(ordinal)).toBe(true);
    await store.sessions.reset(keyOf(), 1);
    expect(await read(later + 1)).toBe(false);
  });

  test('a summary is written with its turn, the latest counts, each is found again, and a fresh start ends it', async () => {
    const first = await exchange('one', '1');
    expect(await compactionOf(store, keyOf())).toBeUndefined();
    const early = { keptFrom: first, summary: 'NUL \u0000 early', untrusted: false };
    const second = await exchange('two', '2', { compaction: early });
    expect(await compactionOf(store, keyOf())).toEqual(early);
    const late = { keptFrom: second, summary: 'late', untrusted: true };
    await exchange('three', '3', { compaction: late });
    expect(await compactionOf(store, keyOf())).toEqual(late);
    expect(await compactionOf(store, keyOf(), first)).toEqual(early);
    expect(await compactionOf(store, keyOf('other'))).toBeUndefined();
    const kept = await historyOf(store, keyOf(), { limit: 9, from: second });
    expect(kept.map((entry) => entry.input.text)).toEqual(['two', 'three']);
    await store.sessions.reset(keyOf(), 1);
    expect(await compactionOf(store, keyOf())).toBeUndefined();
    expect(await compactionOf(store, keyOf(), first)).toBeUndefined();
  });
}
