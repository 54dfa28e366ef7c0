/** Copies of skills as a program before places knew them, and what has to become of them. For each database. */
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { Database } from '../../../src/store/database.ts';
import { migrations } from '../../../src/store/migrations/all.ts';
import type { Store } from '../../../src/store/store.ts';

export const beforePlaces = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '0009'));

const change = { kind: 'skill', name: 'tea', before: { text: null, editedAt: null } };
const body = JSON.stringify({
  turnId: 't',
  changes: [{ ...change, after: { text: 'T\u0000', editedAt: 9 } }],
});

export const writeOlderSkills = (database: Database): Promise<void> =>
  database.write(async ({ db }) => {
    await sql`insert into skills (owner, name, text, enabled, edited_at) values
      ('web:ana', 'coffee', null, 0, null), ('web:ana', 'milk', null, 1, 5),
      ('web:ana', 'tea', ${JSON.stringify('T\u0000')}, 0, 9)`.execute(db);
    await sql`insert into reflections (id, job_id, user_id, state, body, created_at) values
      ('without', 'j1', 'web:ana', 'applied', '{"changes":null}', 1),
      ('a', 'j2', 'web:ana', 'applied', ${body}, 1)`.execute(db);
  });

export async function expectPrivateCopies(store: Store): Promise<void> {
  const owner = 'web:ana';
  const tea = { owner, name: 'tea', enabled: false };
  const others = [
    { owner, name: 'coffee', enabled: false, copies: [] },
    { owner, name: 'milk', enabled: true, copies: [{ place: 'private', text: null, editedAt: 5 }] },
  ];
  expect(await store.skills.ofOwner(owner)).toEqual([
    ...others,
    { ...tea, copies: [{ place: 'private', text: 'T\u0000', editedAt: 9 }] },
  ]);
  // What was learned before can still be taken back, and the rest is as it was.
  expect(await store.reflections.get('without')).toMatchObject({ changes: null });
  expect(await store.reflections.move('a', 'applied', 'undone')).toBe('done');
  expect(await store.skills.ofOwner(owner)).toEqual([
    ...others,
    { ...tea, copies: [{ place: 'private', text: null, editedAt: null }] },
  ]);
}
