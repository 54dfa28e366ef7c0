/**
 * Where there is no sandbox to put checked scripts in their places, the command is told the names of the copies (A7).
 * In the workspace each lies beside its original for as long as the command runs: what it finds next to itself stays
 * where it is, only its own name, `$0`, is another. What lies outside is not ours to put files beside: there the copy
 * in the private folder runs.
 */
import { constants } from 'node:fs';
import { access, chmod, copyFile, lstat, readlink, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { newSecret } from '../../../domain/runtime.ts';
import type { CheckedFile, ExecutedFile } from './executed-files.ts';
import { renamed, untold } from './renaming.ts';

export type PlacedCopies = {
  /** As given, with the copies for the scripts. */
  readonly command: string;
  readonly argv: readonly string[] | null;
  /** Never rejects. */
  remove(): Promise<void>;
};

export type CopyPlan = {
  /** Why it cannot be seen to that the checked copies run, and how to mend it. */
  readonly refusal: string | null;
  /** For the card: what is another to a script, as its copy lies elsewhere. */
  readonly notes: readonly string[];
};

/** What becomes of each script where there is no sandbox. */
export async function planCopies(
  command: string,
  files: readonly ExecutedFile[],
  workspace: string,
): Promise<CopyPlan> {
  const places = await Promise.all(files.map((file) => placeFor(file.named, workspace)));
  const copied = files.filter((_file, index) => places[index] !== 'stays');
  const moved = files.filter((_file, index) => places[index] === 'private');
  const [lost] = untold(command, [...new Set(copied.map((file) => file.word))], workspace);
  const refusal = (name: string, why: string): CopyPlan => ({
    refusal:
      `${why}, and without a sandbox nothing else keeps it from being swapped after it was agreed to: ` +
      `name the script as a word of its own (\`bash ${name}\`), or switch the sandbox on (\`parley doctor\` says how)`,
    notes: [],
  });
  if (lost !== undefined)
    return refusal(lost, `this command cannot be made to run the checked copy of ${lost}`);
  const unclear = moved.find((file) => files.some((one) => one !== file && one.word === file.word));
  if (unclear !== undefined)
    return refusal(unclear.named, `it cannot be told beforehand which file ${unclear.word} is`);
  const notes = moved.map(
    ({ named }) => `a checked copy of ${named} runs: for the script its own name and folder ($0) are others`,
  );
  return { refusal: null, notes: [...new Set(notes)] };
}

/** @throws when a copy cannot be written although its folder can. */
export async function placeCopies(
  command: string,
  argv: readonly string[] | null,
  files: readonly CheckedFile[],
  workspace: string,
): Promise<PlacedCopies> {
  const placed: string[] = [];
  const nameOf = new Map<string, string>();
  const remove = async (): Promise<void> => {
    for (const path of placed) await rm(path, { force: true }).catch(() => undefined);
  };
  try {
    for (const { word, named, copy, executable } of files) {
      const place = await placeFor(named, workspace);
      if (place === 'stays') continue;
      // The ending stays: some programs go by it.
      const beside =
        nameOf.get(word) ?? `${word.slice(0, -basename(word).length)}.${newSecret()}-${basename(word)}`;
      const path = place === 'private' ? copy : join(dirname(named), basename(beside));
      if (place === 'beside') {
        placed.push(path);
        await copyFile(copy, path, constants.COPYFILE_EXCL);
      }
      await chmod(path, executable ? 0o500 : 0o400);
      nameOf.set(word, place === 'private' ? copy : beside);
    }
    return { ...renamed(command, argv, nameOf, workspace), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

type Place = 'beside' | 'private' | 'stays';

async function placeFor(named: string, workspace: string): Promise<Place> {
  const folder = await realpath(dirname(named)).catch(() => dirname(named));
  const isInside = folder === workspace || folder.startsWith(`${workspace}/`);
  if (isInside && (await isWritable(folder))) return 'beside';
  // What nobody here can change, nobody can have swapped.
  return (await canChange(named)) ? 'private' : 'stays';
}

const isWritable = (path: string): Promise<boolean> =>
  access(path, constants.W_OK).then(
    () => true,
    () => false,
  );

/** As many links as Linux follows. */
const MAX_LINKS = 40;

/** Whether this user can write the file, or put another in its place: in any folder and by any link on the way to it. */
async function canChange(path: string, links = 0): Promise<boolean> {
  const user = process.geteuid?.() ?? 0;
  const names = path.split('/').filter(Boolean);
  let folder = '/';
  for (const [index, name] of ['', ...names].entries()) {
    const here = join(folder, name);
    const entry = await lstat(here).catch(() => null);
    if (entry === null || links > MAX_LINKS) return true;
    if (entry.isSymbolicLink()) {
      const target = resolve(folder, await readlink(here));
      return await canChange(join(target, ...names.slice(index)), links + 1);
    }
    // Its owner can make it writable first.
    if (entry.uid === user || (await isWritable(here))) return true;
    folder = here;
  }
  return false;
}
