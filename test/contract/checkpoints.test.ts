/** P1, F11: the write-ahead log gets into the database beside the thread that serves, and without that thread too. */
import { mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { silent } from './store/support.ts';

let folder: string;
let path: string;
let store: Store;
let warnings: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-checkpoints-'));
  path = join(folder, 'parley.db');
  warnings = [];
  const log = { ...silent, warn: (_details: object, text: string) => void warnings.push(text) };
  store = await openStore({ url: `sqlite:${path}`, log });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** About 7 MB of log: less than what SQLite would copy by itself. */
async function load(): Promise<void> {
  const text = 'x'.repeat(20_000);
  for (let i = 0; i < 300; i++) await store.state('test').set(`key-${i}`, text);
}

test('a load is copied while the gateway goes on, and all of it is there after the close', async () => {
  const before = statSync(path).size;
  await load();
  while (statSync(path).size < before + 1_000_000) await setTimeout(10);
  await store.state('test').set('last', 'there');
  await store.close();
  expect(statSync(`${path}-wal`, { throwIfNoEntry: false })).toBeUndefined();
  expect(warnings).toEqual([]);
  const file = new BetterSqlite3(path, { readonly: true });
  expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
  file.close();
  store = await openStore({ url: `sqlite:${path}`, log: silent });
  expect(await store.state('test').get('key-299')).toHaveLength(20_000);
  expect(await store.state('test').get('last')).toBe('there');
});

test('when the thread cannot do it, that is said, and every write is kept all the same', async () => {
  // The thread opens the file by its name, the gateway has it open.
  renameSync(path, `${path}.moved`);
  await load();
  while (warnings.length === 0) await setTimeout(10);
  expect(warnings[0]).toBe('the write-ahead log was not copied by its thread');
  renameSync(`${path}.moved`, path);
  await store.state('test').set('last', 'there');
  expect(await store.state('test').get('last')).toBe('there');
});
