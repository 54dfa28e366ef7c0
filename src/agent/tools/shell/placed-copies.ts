/**
 * Where there is no sandbox to put checked scripts in their places: each lies beside its original under a name of its
 * own for as long as the command runs, and the command is told that name (A7). What a script finds next to itself
 * stays where it is; only its own name, `$0`, is another.
 */
import { rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { forEachChild, parse, type SyntaxNode, type Word } from 'unbash';
import { newSecret } from '../../../domain/runtime.ts';
import type { CheckedFile } from './disk-facts.ts';
import { judgeWords, noFacts } from './judge.ts';
import { toArg } from './word.ts';

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
  for (const { word, named, content, executable } of files.filter((file) => isIn(workspace, file.named))) {
    // The ending stays: some programs go by it.
    const name = `.${newSecret()}-${basename(named)}`;
    const path = join(dirname(named), name);
    try {
      placed.push(path);
      await writeFile(path, content, { flag: 'wx', mode: executable ? 0o500 : 0o400 });
      nameOf.set(word, word.slice(0, word.length - basename(word).length) + name);
    } catch (error) {
      if (error instanceof Error && 'code' in error && fixedFolders.has(String(error.code))) continue;
      await remove();
      throw error;
    }
  }
  return {
    command: nameOf.size === 0 ? command : renamed(command, nameOf, workspace),
    argv: argv === null ? null : renamedWords(argv, nameOf),
    remove,
  };
}

const isIn = (folder: string, path: string): boolean => path.startsWith(`${folder}/`);

/** The script is the first word of that name; one behind it is an argument. */
function renamedWords(argv: readonly string[], nameOf: ReadonlyMap<string, string>): string[] {
  const left = new Map(nameOf);
  return argv.map((word) => {
    const name = left.get(word);
    left.delete(word);
    return name ?? word;
  });
}

function renamed(command: string, nameOf: ReadonlyMap<string, string>, workspace: string): string {
  const places: { readonly word: Word; readonly name: string }[] = [];
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'Command' && node.name !== undefined) {
      const words = [node.name, ...node.suffix.filter((part) => part.type === 'Word')];
      const facts = noFacts();
      judgeWords(words.map(toArg), { workspace, facts, judgeText: () => [] });
      for (const script of facts.executes) {
        const name = nameOf.get(script);
        const word = words.find((one) => toArg(one).value === script);
        if (name !== undefined && word !== undefined) places.push({ word, name });
      }
    }
    forEachChild(node, visit);
  };
  visit(parse(command));
  let text = command;
  for (const { word, name } of places.toSorted((a, b) => b.word.pos - a.word.pos))
    text = text.slice(0, word.pos) + quoted(name) + text.slice(word.end);
  return text;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
