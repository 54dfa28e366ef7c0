/**
 * `parley doctor` on files: who can read them, whether the database writes the way that survives a power cut, which skills
 * cannot be read.
 */
import { chmodSync, closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readCatalog } from '../agent/skills/catalog.ts';
import type { LoadedConfig } from '../config/load.ts';
import { skillFolders } from '../open-learning.ts';

export type Finding = { readonly check: string; readonly ok: boolean; readonly detail: string };

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

const databaseFile = (url: string): string | null =>
  url.startsWith('sqlite:') && url !== 'sqlite::memory:' ? url.slice('sqlite:'.length) : null;

/** The database, its journal, and the copies that lie beside it under its name. */
function databaseFiles(url: string): string[] {
  const file = databaseFile(url);
  if (file === null || !exists(file)) return [];
  const folder = dirname(file);
  return readdirSync(folder)
    .filter((name) => name.startsWith(basename(file)))
    .map((name) => join(folder, name))
    .filter(exists);
}

/** Secrets and everybody's conversations are in these files (A52). */
export function fileModes({ config, file }: LoadedConfig, fix: boolean): Finding[] {
  const secret = [...databaseFiles(config.store.url), '.env'].filter(exists);
  return [...secret, ...(file === null ? [] : [file])].map((path) => {
    const mode = statSync(path).mode & 0o777;
    // The configuration names its secrets by their variables; others may read it, but not write it.
    const isOpen = path === file ? (mode & 0o022) !== 0 : (mode & 0o077) !== 0;
    const wanted = path === file ? mode & ~0o022 : 0o600;
    const check = 'file modes';
    if (!isOpen) return { check, ok: true, detail: `${path} ${mode.toString(8)}` };
    if (!fix) {
      const detail = `${path} is open to others (${mode.toString(8)}); chmod ${wanted.toString(8)} ${path}, or --fix`;
      return { check, ok: false, detail };
    }
    chmodSync(path, wanted);
    return { check, ok: true, detail: `${path} is now ${wanted.toString(8)}` };
  });
}

/** Where the header of an SQLite file says how it is written, and what write-ahead logging is called there. */
const WRITE_VERSION_AT = 18;
const WRITE_AHEAD = 2;

export function journal(url: string): Finding[] {
  const file = databaseFile(url);
  if (file === null || !exists(file)) return [];
  const header = Buffer.alloc(20);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, header, 0, header.length, 0);
  closeSync(descriptor);
  const ok = header[WRITE_VERSION_AT] === WRITE_AHEAD;
  const detail = ok
    ? 'write-ahead log'
    : 'not in write-ahead mode: another program changed it; stop it, and start Parley once to change it back';
  return [{ check: 'journal', ok, detail }];
}

export function skills(): Finding[] {
  const check = 'skills';
  const problems: Finding[] = [];
  const found = readCatalog(skillFolders(), {
    warn: ({ skill }, message) => void problems.push({ check, ok: false, detail: `${skill}: ${message}` }),
  });
  return [...problems, { check, ok: true, detail: [...found.keys()].join(', ') || 'none' }];
}
