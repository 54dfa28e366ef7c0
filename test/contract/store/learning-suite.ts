/** Skills and reflections: changed together with the job that learned, moved forwards and backwards exactly. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { personLane } from '../../../src/domain/job.ts';
import type { ReflectedChange, Reflection } from '../../../src/domain/reflection.ts';
import type { Store } from '../../../src/store/store.ts';
import { type Backend, memoryOf, type OpenBackend, refusal } from './support.ts';

const NO_COPY = { text: null, editedAt: null };
/** A first copy of a skill at some place. */
const tea = (place: string, text: string, editedAt: number): ReflectedChange => ({
  kind: 'skill',
  name: 'tea',
  place,
  before: NO_COPY,
  after: { text, editedAt },
});
const home = { scope: 'user', owner: 'web:ana', place: null } as const;

export function describeLearning(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;

  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  const reflection = (id: string, more: Partial<Reflection>): Reflection => ({
    id,
    jobId: `reflect ${id}`,
    turnId: 't',
    userId: 'web:ana',
    skill: null,
    outcome: 'succeeded',
    state: 'applied',
    memoryChanges: 1,
    skillEdited: false,
    rejected: { cooldown: 1 },
    tokensIn: 5,
    tokensOut: 6,
    durationMs: 7,
    errorCode: null,
    reasoning: 'because \u0000',
    lesson: null,
    changes: [],
    raw: null,
    createdAt: 1,
    ...more,
  });
  /** As its job does. */
  const learn = async (
    row: Reflection,
    marks: { memoryId: string; effect: 'helpful' | 'harmful' }[] = [],
  ) => {
    await store.jobs.enqueue({ kind: 'reflect', key: row.jobId, payload: null, runAt: 0 });
    const [job] = await store.jobs.claim({
      worker: 'w',
      kinds: ['reflect'],
      limit: 1,
      leaseMs: 1_000,
      now: 1,
    });
    if (job === undefined) throw new Error('no job');
    return store.jobs.settle({ job, worker: 'w', now: 2, reflection: { row, marks } });
  };

  const [one, two] = [memoryOf('one', home), memoryOf('two', home)];
  const reworked = { ...one, body: 'reworked \u0000', updatedAt: 9 };
  const changes: readonly ReflectedChange[] = [
    { kind: 'memory', before: two, after: null },
    { kind: 'memory', before: one, after: reworked },
    { kind: 'memory', before: null, after: { ...memoryOf('three', home), name: 'two' } },
    tea('private', 'T', 9),
  ];
  const mine = async () => (await store.skills.ofOwner('web:ana')).find(({ name }) => name === 'tea')?.copies;
  const rewrite = (text: string) =>
    store.skills.changeCopy({ owner: 'web:ana', name: 'tea', place: 'private', text });
  const all = () => store.memories.list({ limit: 10 });

  test('E69, E70: what was learned is written with its job, and taken back to the byte', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    const before = await all();
    const row = reflection('a', { changes });
    expect(await learn(row)).toBe(true);
    expect(await store.reflections.get('a')).toEqual(row);
    expect((await all()).map((entry) => entry.body)).toContain('reworked \u0000');
    expect(await store.skills.ofOwner('web:ana')).toEqual([
      {
        owner: 'web:ana',
        name: 'tea',
        enabled: true,
        copies: [{ place: 'private', text: 'T', editedAt: 9 }],
      },
    ]);
    expect(await store.reflections.move('a', 'applied', 'undone')).toBe('done');
    const byId = (entries: readonly { id: string }[]) => entries.toSorted((x, y) => (x.id < y.id ? -1 : 1));
    expect(byId(await all())).toEqual(byId(before));
    expect(await mine()).toEqual([{ place: 'private', ...NO_COPY }]);
    expect(await store.reflections.move('a', 'applied', 'undone')).toEqual({
      conflict: 'it is undone already',
    });
    expect(await store.reflections.move('b', 'applied', 'undone')).toBe('unknown');
  });

  test('E68: a snapshot that cannot be written does not undo the outcome, and nothing pretends to take it back', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    await backend.raw(refusal(store.dialect, 'reflections', 'body', '%"before"%').begin);
    const lesson = { summary: 's', reusableLesson: 'l' };
    const row = reflection('a', { changes, lesson, raw: 'r' });
    expect(await learn(row, [{ memoryId: 'm', effect: 'helpful' }])).toBe(true);
    // The numbers stay. What is said in words goes: forgetting could not find an entry in it any more.
    const kept = { ...row, changes: null, reasoning: null, lesson: null, raw: null };
    expect(await store.reflections.get('a')).toEqual(kept);
    expect(await store.reflections.list({ limit: 5 })).toEqual([kept]);
    const after = await all();
    expect(after.map((entry) => entry.body)).toContain('reworked \u0000');
    expect(await mine()).toMatchObject([{ text: 'T' }]);
    expect(await store.reflections.counts(['m'])).toEqual(new Map([['m', { helpful: 1, harmful: 0 }]]));
    expect(await store.reflections.move('a', 'applied', 'undone')).toEqual({
      conflict: expect.stringContaining('snapshot could not be written'),
    });
    expect(await all()).toEqual(after);
    expect((await store.reflections.get('a'))?.state).toBe('applied');
    expect(await store.memories.forget('one')).toBe(true);
    expect(
      await store.jobs.claim({ worker: 'w', kinds: ['reflect'], limit: 1, leaseMs: 1, now: 9e9 }),
    ).toEqual([]);
  });

  test('E68: changes that wait for a yes are not kept without what they would change', async () => {
    await backend.raw(refusal(store.dialect, 'reflections', 'body', '%"before"%').begin);
    await expect(learn(reflection('a', { changes, state: 'staged' }))).rejects.toThrow();
    expect(await store.reflections.get('a')).toBeUndefined();
  });

  test('E68: where nothing of it can be written nothing is kept, and the next try writes it all', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    const before = await all();
    await backend.raw('alter table reflections rename to reflections_away');
    await expect(learn(reflection('a', { changes }))).rejects.toThrow();
    expect(await all()).toEqual(before);
    expect(await store.skills.ofOwner('web:ana')).toEqual([]);
    await backend.raw('alter table reflections_away rename to reflections');
    const retry = { worker: 'w', kinds: ['reflect'], limit: 1, leaseMs: 1_000, now: 5_000 };
    const [job] = await store.jobs.claim(retry);
    if (job === undefined) throw new Error('the job is still there');
    const row = reflection('a', { changes });
    expect(await store.jobs.settle({ job, worker: 'w', now: 5_001, reflection: { row, marks: [] } })).toBe(
      true,
    );
    expect(await store.reflections.get('a')).toEqual(row);
    expect((await all()).map((entry) => entry.body)).toContain('reworked \u0000');
  });

  test('E69: an undo that finds one thing changed changes nothing at all', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    await learn(reflection('a', { changes }));
    await rewrite('mine');
    const before = await all();
    expect(await store.reflections.move('a', 'applied', 'undone')).toEqual({
      conflict: 'the skill tea was changed since',
    });
    await rewrite('T');
    await store.memories.apply([{ op: 'put', memory: { ...reworked, body: 'by hand' } }]);
    const edited = await all();
    expect(await store.reflections.move('a', 'applied', 'undone')).toEqual({
      conflict: 'the entry entry-one was changed since',
    });
    expect(await all()).toEqual(edited);
    expect(edited).not.toEqual(before);
    expect((await store.reflections.get('a'))?.state).toBe('applied');
  });

  test('A35, E69: each place has a copy of its own, and an undo touches that one alone', async () => {
    const rows = ['private', 'c', 'd'].map((place, i) =>
      reflection(place, { changes: [tea(place, `T ${place} \u0000`, i)] }),
    );
    for (const row of rows) await learn(row);
    await store.skills.setEnabled('web:ana', 'tea', false);
    expect(await store.reflections.move('c', 'applied', 'undone')).toBe('done');
    expect(await mine()).toEqual([
      { place: 'c', ...NO_COPY },
      { place: 'd', text: 'T d \u0000', editedAt: 2 },
      { place: 'private', text: 'T private \u0000', editedAt: 0 },
    ]);
    await rewrite('by hand');
    expect(await store.reflections.move('private', 'applied', 'undone')).toHaveProperty('conflict');
    expect(await store.reflections.move('d', 'applied', 'undone')).toBe('done');
    // A text that is set by hand leaves it at what it was when a reflection edited it, and a skill that is off stays off.
    expect((await mine())?.at(-1)).toEqual({ place: 'private', text: 'by hand', editedAt: 0 });
    expect((await store.skills.ofOwner('web:ana'))[0]?.enabled).toBe(false);
  });

  test('what is staged changes nothing until it is taken, by one of two who press at once', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    const before = await all();
    await learn(reflection('a', { changes, state: 'staged' }));
    expect(await all()).toEqual(before);
    const other = await backend.replica();
    const moved = await Promise.all([
      store.reflections.move('a', 'staged', 'applied'),
      other.reflections.move('a', 'staged', 'dismissed'),
    ]);
    expect(moved.filter((result) => result === 'done')).toHaveLength(1);
    const { state } = (await store.reflections.get('a')) ?? {};
    expect((await all()).some((entry) => entry.body.startsWith('reworked'))).toBe(state === 'applied');
  });

  test('counts what lessons did, and lists the latest first, of one person or of all', async () => {
    await learn(reflection('a', {}), [{ memoryId: 'm', effect: 'helpful' }]);
    await learn(reflection('b', { userId: 'web:bo' }), [
      { memoryId: 'm', effect: 'harmful' },
      { memoryId: 'n', effect: 'harmful' },
    ]);
    await learn(reflection('c', { userId: null, turnId: null, outcome: 'failed', state: 'none' }));
    expect(await store.reflections.counts(['m', 'n', 'o'])).toEqual(
      new Map([
        ['m', { helpful: 1, harmful: 1 }],
        ['n', { helpful: 0, harmful: 1 }],
      ]),
    );
    const listed = async (...accounts: string[]) =>
      (await store.reflections.list({ limit: 2, ...(accounts.length === 0 ? {} : { accounts }) })).map(
        (row) => row.id,
      );
    expect(await listed()).toEqual(['c', 'b']);
    expect(await listed('web:ana')).toEqual(['a']);
    expect(await listed('web:ana', 'web:bo')).toEqual(['b', 'a']);
  });

  const ids = async () => (await all()).map(({ id }) => id).toSorted();

  test('A34, E69: forgetting takes an entry, and what was merged into it, out of what was learned about its person', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    await learn(reflection('a', { changes, lesson: { summary: 's', reusableLesson: 'l' }, raw: 'r' }));
    await learn(
      reflection('b', { changes: [{ kind: 'memory', before: null, after: memoryOf('four', home) }] }),
    );
    expect(await store.memories.forget('one')).toBe(true);
    const kept = await store.reflections.get('a');
    expect(JSON.stringify(kept)).not.toMatch(/reworked|entry two|because/);
    expect(kept).toMatchObject({ state: 'applied', raw: null, memoryChanges: 1, changes: changes.slice(2) });
    expect(await store.reflections.move('a', 'applied', 'undone')).toBe('done');
    expect(await ids()).toEqual(['four']);
    expect(await store.memories.forget('four')).toBe(true);
    expect(await store.reflections.get('b')).toMatchObject({ state: 'none', changes: [] });
    expect(await store.reflections.move('b', 'applied', 'undone')).toMatchObject({
      conflict: expect.anything(),
    });
    expect(await ids()).toEqual([]);
  });

  test('A34: what is in no list any more is forgotten by its person, and a merge that was undone binds nothing', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    await learn(reflection('a', { changes: changes.slice(0, 2) }));
    expect(await store.memories.forgetSnapshots('web:bo', 'two')).toBe(false);
    await store.reflections.move('a', 'applied', 'undone');
    await store.memories.forget('one');
    expect((await store.reflections.get('a'))?.changes).toEqual(changes.slice(0, 1));
    expect(await store.memories.forgetSnapshots('web:ana', 'two')).toBe(true);
    expect((await store.reflections.get('a'))?.changes).toEqual([]);
  });

  test('A34: what was forgotten while a job thought about it does not come back with its end', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    await store.memories.forget('one');
    await learn(reflection('a', { changes }));
    expect((await store.reflections.get('a'))?.changes).toEqual([changes[0], ...changes.slice(2)]);
    expect(await ids()).toEqual(['three']);
    expect(await store.memories.apply([{ op: 'replace', memory: one }])).toEqual([]);
    expect(await ids()).toEqual(['three']);
  });

  test('A34: a job that is under way for somebody who is erased comes to nothing, and runs no more', async () => {
    const queue = (key: string, user: string) =>
      store.jobs.enqueue({ kind: 'k', key, payload: null, runAt: 0, lane: personLane(user) });
    const claim = () => store.jobs.claim({ worker: 'w', kinds: ['k'], limit: 9, leaseMs: 1_000, now: 1 });
    await queue('ana 1', 'web:ana');
    const [job] = await claim();
    if (job === undefined) throw new Error('no job');
    await queue('ana 2', 'slack:ana');
    await queue('bo', 'web:bo');
    await store.memories.erase(['web:ana', 'slack:ana'], 2);
    const memories = [{ op: 'put', memory: one }] as const;
    expect(await store.jobs.settle({ job, worker: 'w', now: 3, memories })).toBe(false);
    expect(await ids()).toEqual([]);
    expect((await claim()).map(({ key }) => key)).toEqual(['bo']);
    expect(await queue('ana 1', 'web:ana')).toBe(false);
  });

  test('A34: erasing a person takes their skills and what was learned about them along', async () => {
    await store.memories.apply([{ op: 'put', memory: one }]);
    await learn(reflection('a', { changes: [tea('c', 'C', 1)] }));
    await store.skills.setEnabled('web:bo', 'tea', false);
    expect(await store.memories.erase(['web:ana'], 1)).toBe(1);
    expect(await store.reflections.list({ limit: 5 })).toEqual([]);
    expect(await store.skills.ofOwner('web:ana')).toEqual([]);
    await store.skills.setEnabled('web:ana', 'tea', true);
    expect(await mine()).toEqual([]);
    expect(await store.skills.ofOwner('web:bo')).toHaveLength(1);
  });
}
