/** Skills and reflections: changed together with the job that learned, moved forwards and backwards exactly. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Reflection } from '../../../src/domain/reflection.ts';
import type { Store } from '../../../src/store/store.ts';
import { type Backend, memoryOf, type OpenBackend } from './support.ts';

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
  const changes: Reflection['changes'] = [
    { kind: 'memory', before: two, after: null },
    { kind: 'memory', before: one, after: reworked },
    { kind: 'memory', before: null, after: { ...memoryOf('three', home), name: 'two' } },
    { kind: 'skill', name: 'tea', before: { text: null, editedAt: null }, after: { text: 'T', editedAt: 9 } },
  ];
  const all = () => store.memories.list({ limit: 10 });

  test('E69, E70: what was learned is written with its job, and taken back to the byte', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    const before = await all();
    const row = reflection('a', { changes });
    expect(await learn(row)).toBe(true);
    expect(await store.reflections.get('a')).toEqual(row);
    expect((await all()).map((entry) => entry.body)).toContain('reworked \u0000');
    expect(await store.skills.ofOwner('web:ana')).toEqual([
      { owner: 'web:ana', name: 'tea', text: 'T', enabled: true, editedAt: 9 },
    ]);
    expect(await store.reflections.move('a', 'applied', 'undone')).toBe('done');
    const byId = (entries: readonly { id: string }[]) => entries.toSorted((x, y) => (x.id < y.id ? -1 : 1));
    expect(byId(await all())).toEqual(byId(before));
    expect((await store.skills.ofOwner('web:ana'))[0]).toMatchObject({ text: null, editedAt: null });
    expect(await store.reflections.move('a', 'applied', 'undone')).toEqual({
      conflict: 'it is undone already',
    });
    expect(await store.reflections.move('b', 'applied', 'undone')).toBe('unknown');
  });

  test('E69: an undo that finds one thing changed changes nothing at all', async () => {
    await store.memories.apply([one, two].map((memory) => ({ op: 'put', memory })));
    await learn(reflection('a', { changes }));
    await store.skills.change({ owner: 'web:ana', name: 'tea', text: 'mine' });
    const before = await all();
    expect(await store.reflections.move('a', 'applied', 'undone')).toEqual({
      conflict: 'the skill tea was changed since',
    });
    await store.skills.change({ owner: 'web:ana', name: 'tea', text: 'T' });
    await store.memories.apply([{ op: 'put', memory: { ...reworked, body: 'by hand' } }]);
    const edited = await all();
    expect(await store.reflections.move('a', 'applied', 'undone')).toEqual({
      conflict: 'the entry entry-one was changed since',
    });
    expect(await all()).toEqual(edited);
    expect(edited).not.toEqual(before);
    expect((await store.reflections.get('a'))?.state).toBe('applied');
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
    const ids = async (user?: string) =>
      (await store.reflections.list({ limit: 2, ...(user === undefined ? {} : { user }) })).map(
        (row) => row.id,
      );
    expect(await ids()).toEqual(['c', 'b']);
    expect(await ids('web:ana')).toEqual(['a']);
  });

  test('A34: erasing a person takes their skills and what was learned about them along', async () => {
    await store.memories.apply([{ op: 'put', memory: one }]);
    await learn(reflection('a', {}));
    await store.skills.change({ owner: 'web:ana', name: 'tea', enabled: false });
    await store.skills.change({ owner: 'web:bo', name: 'tea', enabled: false });
    expect(await store.memories.erase('web:ana')).toBe(1);
    expect(await store.reflections.list({ limit: 5 })).toEqual([]);
    expect(await store.skills.ofOwner('web:ana')).toEqual([]);
    expect(await store.skills.ofOwner('web:bo')).toHaveLength(1);
  });
}
