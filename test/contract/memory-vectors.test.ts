/** Vectors are compared in process, by sqlite-vec and by pgvector, with the same results, on the same entries. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector as pgvector } from '@electric-sql/pglite-pgvector';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { homeFor, isVisible, type Memory, memoryScopes, type Viewer } from '../../src/domain/memory.ts';
import { type Database, kyselyOver, type OpenOptions } from '../../src/store/database.ts';
import { createMemories } from '../../src/store/memories.ts';
import { migrate } from '../../src/store/migrate.ts';
import { migrations } from '../../src/store/migrations/all.ts';
import { hasPgvector, openPostgres } from '../../src/store/postgres.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { startPostgres, type TestPostgres } from './store/postgres.ts';
import { memoryOf, silent } from './store/support.ts';

const options: OpenOptions = { log: silent, access: 'own', worker: 'w', migrations };
/** More than two pages of every way. */
const ENTRIES = 1_100;
const SIZE = 24;

/** A generator with a seed: the same vectors in each run. */
let state = 11;
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}
const randomVector = () => Float32Array.from({ length: SIZE }, () => random() - 0.5);
const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
const viewers = ['ana', 'bo'].flatMap((user) =>
  [true, false].map((direct): Viewer => ({ user, conversation: 'x', workspace: '/w', direct })),
);

type Entry = { readonly memory: Memory; readonly model: string; readonly vector: Float32Array };
const entries: Entry[] = Array.from({ length: ENTRIES }, (_, i) => {
  const memory = memoryOf(`m${i}`, homeFor(pick(viewers), pick(memoryScopes)), { importance: random() });
  // Some of another model, of another size, and without direction.
  if (i % 10 === 1) return { memory, model: 'other', vector: randomVector() };
  if (i % 10 === 2) return { memory, model: 'e', vector: randomVector().slice(1) };
  return { memory, model: 'e', vector: i % 10 === 3 ? new Float32Array(SIZE) : randomVector() };
});
// Two texts that say the same.
const first = entries[0] as Entry;
entries.push({ ...first, memory: { ...first.memory, id: 'twin', name: 'twin' } });

const cosine = (a: Float32Array, b: Float32Array) => {
  const product = (x: Float32Array, y: Float32Array) =>
    x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
};

function expected(viewer: Viewer, question: Float32Array, limit: number) {
  return entries
    .filter(
      ({ memory, model, vector }) => isVisible(memory, viewer) && model === 'e' && vector.length === SIZE,
    )
    .map(({ memory, vector }) => ({ id: memory.id, likeness: Number(cosine(vector, question).toFixed(6)) }))
    .filter(({ likeness }) => !Number.isNaN(likeness))
    .sort((a, b) => b.likeness - a.likeness || (a.id < b.id ? 1 : -1))
    .slice(0, limit);
}

async function openPglite(): Promise<Database> {
  const server = await PGlite.create({ extensions: { vector: pgvector } });
  const db = kyselyOver('postgres', async (sql, parameters) => {
    const { rows, affectedRows = 0 } = await server.query(sql, [...parameters]);
    return { rows, numAffectedRows: BigInt(affectedRows) };
  });
  await migrate({ db, dialect: 'postgres', migrations, where: 'PGlite' });
  expect(await hasPgvector(db)).toBe(false);
  await server.exec('create extension vector');
  expect(await hasPgvector(db)).toBe(true);
  return {
    dialect: 'postgres',
    connectedWorkers: async () => new Set(),
    read: (query) => query(db),
    write: (work) => work({ db, dialect: 'postgres', locks: true, changed() {} }),
    onChange: () => () => {},
    vectorExtension: async () => 'pgvector',
    stats: () => ({ commits: 0, writes: 0 }),
    backup: async () => {},
    close: () => server.close(),
  };
}

const folder = mkdtempSync(join(tmpdir(), 'parley-vectors-'));
let server: TestPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const inProcess = (database: Database): Database => ({ ...database, vectorExtension: async () => null });
const ways: Record<string, { open(): Promise<Database>; extension: string | null }> = {
  'in process, on SQLite': {
    open: async () => inProcess(await openSqlite(':memory:', options)),
    extension: null,
  },
  'by sqlite-vec': {
    // In a file, where a connection of its own reads.
    open: () => openSqlite(join(folder, 'parley.db'), options),
    extension: 'sqlite-vec',
  },
  'in process, on PostgreSQL without pgvector': {
    open: async () => openPostgres(await server.createDatabase(), options),
    extension: null,
  },
  'by pgvector': { open: openPglite, extension: 'pgvector' },
};

describe.each(Object.entries(ways))('%s', (_, { open, extension }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
    const memories = createMemories(database);
    await memories.apply(entries.map(({ memory }) => ({ op: 'put', memory })));
    for (const { memory, model, vector } of entries)
      await memories.setVector({ id: memory.id, updatedAt: memory.updatedAt, model, vector });
  });
  afterAll(() => database.close());

  test('E60: the most alike of what a viewer may see, in the same order as everywhere', async () => {
    expect(await database.vectorExtension()).toBe(extension);
    const { alike } = createMemories(database);
    for (const viewer of viewers) {
      for (const question of [randomVector(), first.vector]) {
        for (const limit of [1, 16, ENTRIES]) {
          const found = await alike({ viewer, model: 'e', vector: question, limit });
          const wanted = expected(viewer, question, limit);
          expect(wanted.length).toBeGreaterThan(0);
          const close = wanted.map(({ id, likeness }) => ({ id, likeness: expect.closeTo(likeness, 5) }));
          expect(found).toEqual(close);
        }
      }
    }
  });

  test('a question of another size, without direction, or of an unknown model finds nothing, and fails nowhere', async () => {
    const { alike } = createMemories(database);
    const viewer = viewers[0] as Viewer;
    const ask = (model: string, vector: Float32Array) => alike({ viewer, model, vector, limit: 5 });
    expect(await ask('e', new Float32Array(SIZE))).toEqual([]);
    expect(await ask('e', new Float32Array(3).fill(1))).toEqual([]);
    expect(await ask('unknown', randomVector())).toEqual([]);
  });
});
