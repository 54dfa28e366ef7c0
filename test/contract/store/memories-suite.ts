/** The contract of memories: found by words of any script, seen by whom they are for and by nobody else. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { homeFor, isVisible, type Memory, memoryScopes, type Viewer } from '../../../src/domain/memory.ts';
import type { Store } from '../../../src/store/store.ts';
import { type Backend, memoryOf, type OpenBackend } from './support.ts';

const inPrivate = (user: string, workspace = '/w'): Viewer => ({
  user,
  conversation: `dm-${user}`,
  workspace,
  direct: true,
});
const inGroup = (user: string, conversation: string, workspace = '/w'): Viewer => ({
  user,
  conversation,
  workspace,
  direct: false,
});

export function describeMemories(open: OpenBackend): void {
  let backend: Backend;
  let store: Store;
  beforeEach(async () => {
    backend = await open();
    store = backend.store;
  });
  afterEach(() => backend.close());

  const put = async (...memories: Memory[]) => {
    await store.memories.apply(memories.map((memory) => ({ op: 'put', memory })));
  };
  const found = async (viewer: Viewer, text: string, limit = 8) =>
    (await store.memories.search({ viewer, text, limit })).map(({ memory }) => memory.id);
  const alike = (viewer: Viewer, vector: number[] = [1, 0], limit = 50) =>
    store.memories.alike({ viewer, model: 'e', vector: Float32Array.from(vector), limit });
  const mine = { scope: 'user', owner: 'ana', place: null } as const;

  test('an entry comes back exactly as it was put, whatever is in it', async () => {
    const entry = memoryOf('m1', mine, { body: 'NUL \u0000 and 😀', source: { turnId: 't1', seq: 7 } });
    await put(entry);
    expect(await store.memories.get('m1')).toEqual(entry);
    const changed = { ...entry, body: 'other words', importance: 1, updatedAt: 9 };
    await put(changed);
    expect(await store.memories.list({ limit: 5 })).toEqual([changed]);
    expect(await found(inPrivate('ana'), '😀 NUL')).toEqual([]);
    expect(await found(inPrivate('ana'), 'other')).toEqual(['m1']);
  });

  test('E57: Japanese is found without word boundaries, by words of one, two and more characters', async () => {
    await put(
      memoryOf('tokyo', mine, { body: '田中さんは東京に住んでいて、猫を二匹飼っている' }),
      memoryOf('osaka', mine, { body: '大阪の支社は金曜日に休み' }),
    );
    const asked: [string, string][] = [
      ['東京の天気は？', 'tokyo'],
      ['猫', 'tokyo'],
      ['金曜日', 'osaka'],
      ['支社', 'osaka'],
      ['休み', 'osaka'],
    ];
    for (const [text, id] of asked) expect(await found(inPrivate('ana'), text), text).toEqual([id]);
    expect(await found(inPrivate('ana'), '犬')).toEqual([]);
  });

  test('words are found in any case and width, inside others, and when shorter than three characters', async () => {
    await put(
      memoryOf('a', mine, { body: 'Deploys with Kubernetes v2 on ＦＲＩＤＡＹ' }),
      memoryOf('b', mine, { body: 'Go is preferred over PHP' }),
    );
    const asked: [string, string][] = [
      ['friday', 'a'],
      ['KUBERNETES', 'a'],
      ['v2', 'a'],
      ['deploy', 'a'],
      ['go', 'b'],
      ['php?', 'b'],
    ];
    for (const [text, id] of asked) expect((await found(inPrivate('ana'), text))[0], text).toBe(id);
    for (const text of ['', '???', '"', `' OR 1=1 --`, 'x*', 'NEAR(']) await found(inPrivate('ana'), text);
  });

  test('the entry that shares most of the rare words comes first', async () => {
    await put(
      ...Array.from({ length: 40 }, (_, i) => memoryOf(`n${i}`, mine, { body: `the team likes topic ${i}` })),
      memoryOf('best', mine, { body: 'the team likes the orchestra on Tuesdays' }),
    );
    expect((await found(inPrivate('ana'), 'What does the team like about the orchestra?'))[0]).toBe('best');
  });

  test('E60: nothing of another person, conversation, workspace, or of a private chat, by text or by vector', async () => {
    const homes: [string, Viewer, (typeof memoryScopes)[number]][] = [
      ['ana-private', inPrivate('ana'), 'user'],
      ['ana-private-shared', inPrivate('ana'), 'workspace'],
      ['ana-in-x', inGroup('ana', 'x'), 'user'],
      ['bo-private', inPrivate('bo'), 'user'],
      ['bo-in-x', inGroup('bo', 'x'), 'user'],
      ['x', inGroup('ana', 'x'), 'conversation'],
      ['y', inGroup('ana', 'y'), 'conversation'],
      ['w', inGroup('ana', 'x'), 'workspace'],
      ['other-w', inGroup('ana', 'x', '/other'), 'workspace'],
    ];
    for (const [id, told, scope] of homes) {
      await put(memoryOf(id, homeFor(told, scope), { body: 'the canary sings' }));
      await store.memories.setVector({ id, updatedAt: 1, model: 'e', vector: Float32Array.of(1, 0) });
    }
    const seen: [Viewer, string[]][] = [
      [inPrivate('ana'), ['ana-private', 'ana-private-shared', 'ana-in-x', 'w']],
      [inPrivate('ana', '/other'), ['ana-private', 'ana-private-shared', 'ana-in-x', 'other-w']],
      [inPrivate('bo'), ['bo-private', 'bo-in-x', 'w']],
      [inGroup('ana', 'x'), ['ana-in-x', 'x', 'w']],
      [inGroup('ana', 'y'), ['y', 'w']],
      [inGroup('bo', 'x'), ['bo-in-x', 'x', 'w']],
      [inGroup('cy', 'x', '/third'), ['x']],
    ];
    for (const [viewer, ids] of seen) {
      const expected = ids.toSorted();
      expect((await found(viewer, 'canary sings', 50)).toSorted()).toEqual(expected);
      const prominent = await store.memories.prominent({ viewer, limit: 50 });
      expect(prominent.map((one) => one.id).toSorted()).toEqual(expected);
      const vectors = await alike(viewer);
      expect(vectors.map((one) => one.id).toSorted()).toEqual(expected);
      const all = homes.map(([id]) => id);
      const visible = await store.memories.visible(viewer, all);
      expect(visible.map((one) => one.id)).toEqual(all.filter((id) => ids.includes(id)));
    }
  });

  test('E60, A34, A35: property: every way of recall shows a viewer what is visible to them, all of it and no more', async () => {
    const one = (of: readonly string[]) => fc.constantFrom(...of);
    const viewers = fc
      .record({
        user: one(['ana', 'bo']),
        conversation: one(['x', 'y', 'ana']),
        workspace: one(['/w', '/v', 'ana']),
        direct: fc.boolean(),
      })
      .map((viewer): Viewer => viewer);
    const told = fc.array(fc.tuple(viewers, fc.constantFrom(...memoryScopes)), { maxLength: 12 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(told, fc.array(viewers, { minLength: 1, maxLength: 4 }), async (facts, readers) => {
        round += 1;
        for (const { id } of await store.memories.list({ limit: 1_000 }))
          await store.memories.apply([{ op: 'remove', id }]);
        const entries = facts.map(([viewer, scope], i) =>
          memoryOf(`r${round}-${i}`, homeFor(viewer, scope), { body: 'canary' }),
        );
        await put(...entries);
        for (const { id } of entries)
          await store.memories.setVector({ id, updatedAt: 1, model: 'e', vector: Float32Array.of(1, 0) });
        for (const viewer of readers) {
          const expected = entries.filter((entry) => isVisible(entry, viewer)).map((entry) => entry.id);
          const sorted = expected.toSorted();
          expect((await found(viewer, 'canary', 50)).toSorted()).toEqual(sorted);
          const vectors = await alike(viewer);
          expect(vectors.map(({ id }) => id).toSorted()).toEqual(sorted);
          const prominent = await store.memories.prominent({ viewer, limit: 50 });
          expect(prominent.map(({ id }) => id).toSorted()).toEqual(sorted);
          // What somebody else said in private is for nobody but them.
          for (const [index, [source]] of facts.entries()) {
            if (!source.direct) continue;
            const seen = expected.includes(`r${round}-${index}`);
            if (seen) expect([viewer.user, viewer.direct]).toEqual([source.user, true]);
          }
        }
      }),
      { numRuns: 25 },
    );
  });

  test('names are unique to an owner: the next free one is taken', async () => {
    const stored = await store.memories.apply(
      ['a', 'b', 'c'].map((id) => ({ op: 'put', memory: memoryOf(id, mine, { name: 'tea' }) })),
    );
    expect(stored.map((one) => one.name)).toEqual(['tea', 'tea-2', 'tea-3']);
    const theirs = memoryOf('d', { ...mine, owner: 'bo' }, { name: 'tea' });
    expect(await store.memories.apply([{ op: 'put', memory: theirs }])).toEqual([theirs]);
    const names = (await store.memories.ofOwner('user', 'ana', 10)).map((one) => one.name);
    expect(names).toEqual(['tea-3', 'tea-2', 'tea']);
  });

  test('forgetting takes an entry out of every list, index and vector; erasing all about one person', async () => {
    await put(
      memoryOf('m1', mine, { body: 'violet' }),
      memoryOf('m2', mine, { body: 'violet' }),
      memoryOf('m3', { scope: 'workspace', owner: '/w', place: null }, { body: 'violet', author: 'ana' }),
      memoryOf('m4', { scope: 'user', owner: 'bo', place: null }, { body: 'violet', author: 'bo' }),
    );
    await store.memories.setVector({ id: 'm1', updatedAt: 1, model: 'e', vector: Float32Array.of(0.5, -2) });
    const vectors = () => alike(inPrivate('ana'), [0.5, -2]);
    expect(await vectors()).toEqual([{ id: 'm1', likeness: 1 }]);
    expect(await store.memories.forget('m1')).toBe(true);
    expect(await store.memories.forget('m1')).toBe(false);
    expect(await vectors()).toEqual([]);
    expect(await found(inPrivate('ana'), 'violet')).toEqual(['m3', 'm2']);
    const about = await store.memories.list({ accounts: ['ana'], limit: 9 });
    expect(about.map((one) => one.id)).toEqual(['m2', 'm3']);
    const later = await store.memories.list({ accounts: ['ana'], after: 'm2', limit: 9 });
    expect(later.map((one) => one.id)).toEqual(['m3']);
    const both = await store.memories.list({ accounts: ['ana', 'bo'], limit: 9 });
    expect(both.map((one) => one.id)).toEqual(['m2', 'm3', 'm4']);
    expect(await store.memories.erase(['ana'], 1)).toBe(2);
    expect(await found(inPrivate('ana'), 'violet')).toEqual([]);
    expect(await found(inPrivate('bo'), 'violet')).toEqual(['m4']);
  });

  test('the most alike come first, among more than are compared at once, and only of the same model', async () => {
    for (let i = 0; i < 450; i++) {
      await put(memoryOf(`m${i}`, mine));
      const angle = (i / 450) * Math.PI;
      const vector = Float32Array.of(Math.cos(angle), Math.sin(angle));
      await store.memories.setVector({ id: `m${i}`, updatedAt: 1, model: i === 225 ? 'other' : 'e', vector });
    }
    const found = await alike(inPrivate('ana'), [0, 1], 2);
    expect(found.map(({ id }) => id).toSorted()).toEqual(['m224', 'm226']);
    expect(found[0]?.likeness).toBeCloseTo(1, 3);
  });

  test('E60: all that a viewer may see is compared, in pages, while everything else has its turn', async () => {
    const { dialect } = store;
    const numbered = 'with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000)';
    await backend.raw(`
      insert into memories (id, scope, owner, name, description, type, body, importance, author, created_at, updated_at
        ${dialect === 'postgres' ? ', grams' : ''})
      ${numbered} select 'b' || i, 'user', 'ana', 'b' || i, '""', 'fact', '""', 0.5, 'ana', 1, 1
        ${dialect === 'postgres' ? `, ''::tsvector` : ''} from n`);
    const eastward = dialect === 'postgres' ? `'{1,0}'` : `x'0000803f00000000'`;
    await backend.raw(`
      insert into memory_vectors (memory, model, vector) select ordinal, 'e', ${eastward} from memories`);
    // The oldest and the least important one.
    const northward = { id: 'b1', updatedAt: 1, model: 'e', vector: Float32Array.of(0, 1) };
    await store.memories.setVector(northward);
    await store.memories.apply([
      { op: 'put', memory: memoryOf('last', mine, { importance: 0, body: 'never mind' }) },
    ]);
    await store.memories.setVector({ ...northward, id: 'last', vector: Float32Array.of(0.1, 1) });
    let turns = 0;
    let done = false;
    const count = () => {
      turns += 1;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    const found = await alike(inPrivate('ana'), [0, 1], 3);
    done = true;
    expect(found.map(({ id }) => id)).toEqual(['b1', 'last', 'b999']);
    expect(turns).toBeGreaterThanOrEqual(6_000 / 200);
  });

  test('a vector of a text that has changed meanwhile is not kept', async () => {
    await put(memoryOf('m1', mine));
    await put(memoryOf('m1', mine, { body: 'newer', updatedAt: 5 }));
    await store.memories.setVector({ id: 'm1', updatedAt: 1, model: 'e', vector: Float32Array.of(1, 0) });
    expect(await alike(inPrivate('ana'))).toEqual([]);
  });
}
