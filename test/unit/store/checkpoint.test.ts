/** The log is copied when enough of it waits, and what goes wrong with that stays with the log. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, test } from 'vitest';
import { createCheckpoint } from '../../../src/store/checkpoint.ts';

test('P13: is due once so many pages wait, and none do afterwards; on a closed database it does nothing', ({
  onTestFinished,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-checkpoint-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const handle = new BetterSqlite3(join(folder, 'x.db'));
  handle.pragma('journal_mode = wal');
  handle.pragma('wal_autocheckpoint = 0');
  handle.exec('create table t (a)');
  const checkpoint = createCheckpoint(handle, 50);
  const write = handle.prepare('insert into t values (randomblob(4000))');
  let writes = 0;
  for (; !checkpoint.isDue() && writes < 100; writes++) write.run();
  expect(writes).toBeGreaterThan(5);
  expect(writes).toBeLessThan(50);
  const isDueSoon = () => Array.from({ length: 8 }, () => checkpoint.isDue()).includes(true);
  checkpoint.run();
  expect(isDueSoon()).toBe(false);
  handle.close();
  expect(isDueSoon()).toBe(false);
  expect(() => checkpoint.run()).not.toThrow();
});
