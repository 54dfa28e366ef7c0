import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { runReads } from '../../../src/store/sqlite-statements.ts';

function openBoth() {
  const folder = mkdtempSync(join(tmpdir(), 'parley-reads-'));
  const file = join(folder, 'file.db');
  const writer = new BetterSqlite3(file);
  writer.pragma('journal_mode = wal');
  writer.exec('create table notes (text text) strict');
  const beside = new BetterSqlite3(file, { readonly: true });
  onTestFinished(() => {
    beside.close();
    writer.close();
    rmSync(folder, { recursive: true });
  });
  return { writer, read: runReads(writer, beside) };
}

const notes = 'select text from notes';

test('what is read is committed, whether or not a transaction is open', async () => {
  const { writer, read } = openBoth();
  writer.exec("insert into notes values ('first')");
  expect((await read(notes, [])).rows).toEqual([{ text: 'first' }]);
  writer.exec("begin immediate; insert into notes values ('second')");
  expect((await read(notes, [])).rows).toEqual([{ text: 'first' }]);
  writer.exec('commit');
  expect((await read(notes, [])).rows).toEqual([{ text: 'first' }, { text: 'second' }]);
});

test('nothing is changed by reading, at the connection of the writer either', async () => {
  const { writer, read } = openBoth();
  for (const no of ['begin', 'savepoint s', 'pragma synchronous = off', "attach ':memory:' as m"])
    await expect(read(no, [])).rejects.toThrow('no reading');
  expect(writer.inTransaction).toBe(false);
  await expect(read("insert into notes values ('no')", [])).rejects.toThrow('no reading');
  writer.exec('begin immediate');
  await expect(read("insert into notes values ('no')", [])).rejects.toThrow('readonly');
  writer.exec('commit');
  expect((await read(notes, [])).rows).toEqual([]);
});
