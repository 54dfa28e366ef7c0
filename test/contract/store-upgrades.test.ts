/** What an older program wrote into an SQLite file is there after the upgrade. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OpenOptions } from '../../src/store/database.ts';
import { createMemories } from '../../src/store/memories.ts';
import { migrations } from '../../src/store/migrations/all.ts';
import { openStore } from '../../src/store/open.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { beforePieces, expectOutputs, writeOlderOutputs } from './store/older-outputs.ts';
import { beforePlaces, expectPrivateCopies, writeOlderSkills } from './store/older-skills.ts';
import { memoryOf, silent } from './store/support.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-store-'));
  path = join(folder, 'parley.db');
});
afterEach(() => rm(folder, { recursive: true }));

const open = () => openStore({ url: `sqlite:${path}`, log: silent });
const openOlder = (known: OpenOptions['migrations']) =>
  openSqlite(path, { log: silent, access: 'own', worker: 'w', migrations: known });

test('memories of an older program are found by their words after the upgrade', async () => {
  const older = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '0006'));
  const before = await openOlder(older);
  const memory = memoryOf('m1', { scope: 'user', owner: 'ana', place: null }, { body: '会議は金曜日' });
  await createMemories(before).apply([{ op: 'put', memory }]);
  await before.close();
  const shell = new BetterSqlite3(path);
  shell.exec(`insert into memory_grams (memory_grams) values ('delete-all')`);
  shell.close();
  const upgraded = await open();
  const viewer = { user: 'ana', conversation: 'c', workspace: '/w', direct: true };
  const found = await upgraded.memories.search({ viewer, text: '金曜日', limit: 5 });
  await upgraded.close();
  expect(found).toEqual([{ memory, score: 1 }]);
});

test('A35, E69: copies of skills of an older program are private after the upgrade, and can be undone', async () => {
  const before = await openOlder(beforePlaces);
  await writeOlderSkills(before);
  await before.close();
  const upgraded = await open();
  await expectPrivateCopies(upgraded);
  await upgraded.close();
});

test('E14, F29: outputs of an older program can be read after the upgrade', async () => {
  const before = await openOlder(beforePieces);
  await writeOlderOutputs(before);
  await before.close();
  const upgraded = await open();
  await expectOutputs(upgraded);
  await upgraded.close();
});
