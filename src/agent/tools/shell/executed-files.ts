/** What a command would execute, or take its orders from: digests to agree to, and copies that are what was agreed to (A7). */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { FixedFile } from '../bubblewrap.ts';
import { type Facts, foldersOf } from './judge.ts';

/** Of all files of one command. Larger ones are refused: they could not be copied before each run. */
export const MAX_EXECUTED_BYTES = 256 * 1024 * 1024;

/** Absolute paths, in a fixed order: one name in each folder in which it may be meant. */
const placesOf = (names: Iterable<string>, facts: Facts, workspace: string): string[] => {
  const folders = foldersOf(facts, workspace);
  return [...new Set([...names].flatMap((name) => folders.map((folder) => resolve(folder, name))))].sort();
};

export type Executed = {
  /** SHA-256 by absolute path. */
  readonly digests: Readonly<Record<string, string>>;
  /** The file with which they became too many bytes. */
  readonly tooLarge: string | null;
};

export async function executedFiles(facts: Facts, workspace: string): Promise<Executed> {
  const digests: Record<string, string> = {};
  let bytes = 0;
  for (const path of placesOf([...facts.executes, ...facts.consults], facts, workspace)) {
    const found = await stat(path).catch(() => null);
    if (found === null || !found.isFile()) continue;
    bytes += found.size;
    if (bytes > MAX_EXECUTED_BYTES) return { digests, tooLarge: path };
    const hash = createHash('sha256');
    for await (const chunk of contentOf(path)) hash.update(chunk);
    digests[path] = hash.digest('hex');
  }
  return { digests, tooLarge: null };
}

/** However long it grew meanwhile. */
const contentOf = (path: string) => createReadStream(path, { end: MAX_EXECUTED_BYTES });

export type ExecutedFile = {
  /** As the command names it. */
  readonly word: string;
  /** The same as an absolute path, links and all. */
  readonly named: string;
};

export type CheckedFile = FixedFile & ExecutedFile;

/** Each script under each of its names. @param digests of all that was found */
export const scriptsOf = (
  facts: Facts,
  workspace: string,
  digests: Readonly<Record<string, string>>,
): ExecutedFile[] =>
  [...facts.executes].flatMap((word) =>
    placesOf([word], facts, workspace)
      .filter((named) => digests[named] !== undefined)
      .map((named) => ({ word, named })),
  );

export type Copies =
  | { readonly ok: true; readonly copies: readonly CheckedFile[]; remove(): Promise<void> }
  | { readonly ok: false; readonly problem: string };

/**
 * Copies of the files to execute, in a folder that only this user can enter: what was compared is what runs, however the
 * disk changes meanwhile.
 * @param agreed their digests, as a person or a rule allowed them
 */
export async function copyExecuted(
  facts: Facts,
  workspace: string,
  agreed: Readonly<Record<string, string>>,
): Promise<Copies> {
  const { digests, tooLarge } = await executedFiles(facts, workspace);
  if (tooLarge !== null) return { ok: false, problem: tooLargeToRun(tooLarge) };
  const changed = Object.keys({ ...agreed, ...digests }).find((path) => agreed[path] !== digests[path]);
  if (changed !== undefined) return { ok: false, problem: isChanged(changed) };
  const wanted = scriptsOf(facts, workspace, agreed);
  if (wanted.length === 0) return { ok: true, copies: [], remove: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), 'parley-run-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const copies: CheckedFile[] = [];
    for (const { word, named } of wanted) {
      // Under its own name, by which some programs go.
      const copy = join(folder, String(copies.length), basename(named));
      await mkdir(dirname(copy));
      if ((await copied(named, copy)) !== agreed[named]) {
        await remove();
        return { ok: false, problem: isChanged(named) };
      }
      const executable = ((await stat(named)).mode & 0o111) !== 0;
      copies.push({ path: await realpath(named), copy, executable, word, named });
    }
    return { ok: true, copies, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** @returns the digest of what was written. */
async function copied(from: string, to: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(to, 'wx', 0o600);
  try {
    for await (const chunk of contentOf(from)) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

const isChanged = (path: string): string => `${path} is not what it was when this was allowed`;

const MAX_MB = MAX_EXECUTED_BYTES / 1024 / 1024;

export const tooLargeToRun = (path: string): string =>
  `with ${path}, the files it executes are larger than ${MAX_MB} MB, too large to run a checked copy of them`;
