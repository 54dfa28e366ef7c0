/** Backup and restore as an operator runs them: F11, F32. Nothing is lost by giving the wrong file. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFolder, type GatewayFolder } from './support/gateway.ts';

let folder: GatewayFolder;
let file: string;
const at = (...names: string[]): string => join(folder.path, ...names);
const cli = (...args: string[]) => folder.cli(...args, '--config', 'parley.yaml');

beforeEach(async () => {
  folder = createFolder();
  file = at('data', 'parley.db');
  folder.writeConfig('server: { port: 0 }');
  const gateway = await folder.start();
  await gateway.stop();
});
afterEach(() => folder.remove());

/** What a refusal must leave: the database as it was, and nothing of the attempt. */
async function refused(given: string): Promise<string> {
  const before = readFileSync(file);
  const names = readdirSync(at('data'));
  const { code, stdout, stderr } = await cli('restore', given);
  expect(code).toBe(1);
  expect(stderr).toContain(given);
  expect(stdout + stderr).not.toMatch(/^\s+at |\.restoring/m);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(readFileSync(file).equals(before)).toBe(true);
  expect(readdirSync(at('data'))).toEqual(names);
  return stderr;
}

describe('parley backup and restore', () => {
  it('F32: a backup comes back, and what was there is kept', async () => {
    expect(await cli('backup', 'monday.db')).toMatchObject({ code: 0 });
    const { code, stdout } = await cli('restore', 'monday.db');
    expect(code).toBe(0);
    const kept = /kept as (\S+)\.\n/.exec(stdout)?.[1] ?? '';
    expect(existsSync(at(kept)) || existsSync(kept)).toBe(true);
    expect(readdirSync(at('data')).filter((name) => name.includes('.restoring'))).toEqual([]);
    expect(await cli('turns')).toMatchObject({ code: 0 });
  });

  it('F32: restoring garbage blames the file that was given', async () => {
    writeFileSync(at('garbage.db'), 'no database at all '.repeat(500));
    expect(await refused('garbage.db')).toMatch(/garbage\.db was not restored: it is damaged/);
  });

  it("F32: restoring somebody else's database is refused before anything is moved", async () => {
    const other = new Database(at('other.db'));
    other.exec('create table photos (id integer)');
    other.close();
    const before = readFileSync(at('other.db'));
    expect(await refused('other.db')).toContain('other.db is no database of Parley');
    expect(readFileSync(at('other.db')).equals(before)).toBe(true);
  });

  it('F32: an empty file and a missing one are refused as well', async () => {
    writeFileSync(at('empty.db'), '');
    expect(await refused('empty.db')).toContain('no database of Parley');
    expect(await refused('missing.db')).toContain('there is no such file');
  });
});

describe('a damaged database', () => {
  const complaint = async (): Promise<string> => {
    for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    writeFileSync(file, 'overwritten by something '.repeat(500));
    const { code, stderr } = await cli('turns');
    expect(code).toBe(1);
    return stderr;
  };

  it('F11, F32: names no database that is not a backup', async () => {
    await cli('backup', 'data/second-gateway.db');
    const message = await complaint();
    expect(message).not.toContain('second-gateway');
    expect(message).toContain('parley restore FILE');
  });

  it('F11, F32: names the newest backup, by its name or its folder, and restoring it works', async () => {
    mkdirSync(at('data', 'backups'));
    await cli('backup', 'data/backups/sunday.db');
    expect(await complaint()).toContain('backups/sunday.db');
    expect(await cli('restore', 'data/backups/sunday.db')).toMatchObject({ code: 0, stderr: '' });
    await cli('backup', 'data/monday.backup.db');
    const damaged = readdirSync(at('data')).find((name) => name.includes('.before-restore-')) ?? '';
    expect(readFileSync(at('data', damaged), 'utf8')).toContain('overwritten by something');
    expect(await complaint()).toContain('monday.backup.db');
  });
});
