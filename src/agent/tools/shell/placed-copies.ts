/**
 * Where there is no sandbox to put checked scripts in their places: each lies beside its original under a name of its
 * own for as long as the command runs, and the command is told that name (A7). What a script finds next to itself
 * stays where it is; only its own name, `$0`, is another.
 */
import { constants } from 'node:fs';
import { access, chmod, copyFile, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { forEachChild, parse, type SyntaxNode, type Word } from 'unbash';
import { newSecret } from '../../../domain/runtime.ts';
import { classify } from './classify.ts';
import type { CheckedFile } from './executed-files.ts';
import { judgeWords, noFacts } from './judge.ts';
import { type Arg, toArg } from './word.ts';

export type PlacedCopies = {
  /** As given, with the copies for the scripts. */
  readonly command: string;
  readonly argv: readonly string[] | null;
  /** Never rejects. */
  remove(): Promise<void>;
};

/** A folder that nobody here can write to: nobody can have swapped what lies in it either. */
const fixedFolders = new Set(['EACCES', 'EPERM', 'EROFS']);

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
  // What lies outside the workspace is not ours to put files beside: only its digest was compared.
  for (const { word, named, copy, executable } of files.filter((file) => isIn(workspace, file.named))) {
    // The ending stays: some programs go by it.
    const name =
      nameOf.get(word) ?? `${word.slice(0, -basename(word).length)}.${newSecret()}-${basename(word)}`;
    const path = join(dirname(named), basename(name));
    try {
      placed.push(path);
      await copyFile(copy, path, constants.COPYFILE_EXCL);
      await chmod(path, executable ? 0o500 : 0o400);
      nameOf.set(word, name);
    } catch (error) {
      if (error instanceof Error && 'code' in error && fixedFolders.has(String(error.code))) continue;
      await remove();
      throw error;
    }
  }
  return {
    command: renamed(command, nameOf, workspace),
    argv: argv === null ? null : renamedWords(argv, nameOf, workspace),
    remove,
  };
}

/**
 * Of the files it executes those of which no copy can take the place: outside the workspace, or where the command names
 * them by way of something else (`sh < x`).
 * @param executed absolute paths
 */
export async function onlyCompared(
  command: string,
  executed: readonly string[],
  workspace: string,
): Promise<string[]> {
  const outside: string[] = [];
  for (const path of executed.filter((one) => !isIn(workspace, one)))
    if (await canChange(path)) outside.push(path);
  const words = [...classify(command, workspace).facts.executes];
  const nameOf = new Map(words.map((word) => [word, join(dirname(word), `.checked-${basename(word)}`)]));
  const left = classify(renamed(command, nameOf, workspace), workspace).facts.executes;
  const untold = words.filter(
    (word) =>
      left.has(word) && executed.some((path) => isIn(workspace, path) && path.endsWith(basename(word))),
  );
  return [...outside, ...untold];
}

async function canChange(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => path);
  const writable = await Promise.all(
    [real, dirname(real), path, dirname(path)].map((one) =>
      access(one, constants.W_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return writable.includes(true);
}

const isIn = (folder: string, path: string): boolean => path.startsWith(`${folder}/`);

/** Which of the words are scripts, and which are shell text, with what each becomes. The first of a name is the script. */
function replacements(
  words: readonly Arg[],
  nameOf: ReadonlyMap<string, string>,
  workspace: string,
): Map<number, string> {
  const facts = noFacts();
  const texts: string[] = [];
  const noteText = (text: string) => {
    texts.push(text);
    return [];
  };
  judgeWords(words, { workspace, facts, judgeText: noteText });
  const found = new Map<number, string>();
  const put = (value: string, by: string | undefined): void => {
    const at = words.findIndex((word) => word.value === value);
    if (at >= 0 && by !== undefined && by !== value) found.set(at, by);
  };
  for (const script of facts.executes) put(script, nameOf.get(script));
  for (const text of texts) put(text, renamed(text, nameOf, workspace));
  return found;
}

function renamedWords(
  argv: readonly string[],
  nameOf: ReadonlyMap<string, string>,
  workspace: string,
): string[] {
  const words = argv.map((value): Arg => ({ kind: 'literal', value }));
  const found = replacements(words, nameOf, workspace);
  return argv.map((word, index) => found.get(index) ?? word);
}

function renamed(command: string, nameOf: ReadonlyMap<string, string>, workspace: string): string {
  if (nameOf.size === 0) return command;
  const places: { readonly word: Word; readonly text: string }[] = [];
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'Command' && node.name !== undefined) {
      const words = [node.name, ...node.suffix.filter((part) => part.type === 'Word')];
      for (const [index, text] of replacements(words.map(toArg), nameOf, workspace)) {
        const word = words[index];
        if (word !== undefined) places.push({ word, text });
      }
    }
    forEachChild(node, visit);
  };
  visit(parse(command));
  let text = command;
  for (const place of places.toSorted((a, b) => b.word.pos - a.word.pos))
    text = text.slice(0, place.word.pos) + quoted(place.text) + text.slice(place.word.end);
  return text;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
