/** A command with its scripts under other names: those of their checked copies (pure). */
import { forEachChild, parse, type SyntaxNode, type Word } from 'unbash';
import { classify, isFed } from './classify.ts';
import { type Facts, judgeWords, noFacts } from './judge.ts';
import { type Arg, toArg } from './word.ts';

/** The name of the copy by the name in the command. */
export type Names = ReadonlyMap<string, string>;

type Renaming = {
  readonly names: Names;
  readonly workspace: string;
  /** Something executes what it gets on its input: whatever is read may be executed. */
  readonly fed: boolean;
};

export function renamed(
  command: string,
  argv: readonly string[] | null,
  names: Names,
  workspace: string,
): { readonly command: string; readonly argv: readonly string[] | null } {
  const by: Renaming = { names, workspace, fed: isFed(classify(command, workspace).facts) };
  if (names.size === 0) return { command, argv };
  return { command: renamedText(command, by), argv: argv === null ? null : renamedWords(argv, by) };
}

/** Of these names those that it still executes once all have been replaced where they stand. */
export function untold(command: string, names: readonly string[], workspace: string): string[] {
  // Any other name will do: the ending counts for some programs, the place for none.
  const others = new Map(names.map((name) => [name, `${name.replace(/[^/]*$/, '.checked-$&')}`]));
  const left = classify(renamed(command, null, others, workspace).command, workspace).facts;
  return names.filter((name) => left.executes.has(name));
}

type Seen = { readonly facts: Facts; readonly texts: readonly string[] };

function lookAt(words: readonly Arg[], workspace: string): Seen {
  const facts = noFacts();
  const texts: string[] = [];
  const judgeText = (text: string) => {
    texts.push(text);
    return [];
  };
  judgeWords(words, { workspace, facts, judgeText });
  return { facts, texts };
}

/**
 * Which of the words become what. A word is a script, shell text or something to read if what is put in its place becomes
 * one: the same word may stand for something else beside it (`grep x x`).
 */
function replacements(words: readonly Arg[], { names, workspace, fed }: Renaming): Map<number, string> {
  const found = new Map<number, string>();
  const { facts, texts } = lookAt(words, workspace);
  const fedBy = fed ? facts.reads : new Set<string>();
  for (const [index, word] of words.entries()) {
    if (word.kind !== 'literal') continue;
    const wanted =
      facts.executes.has(word.value) || fedBy.has(word.value)
        ? names.get(word.value)
        : texts.includes(word.value)
          ? renamedText(word.value, { names, workspace, fed })
          : undefined;
    if (wanted === undefined || wanted === word.value) continue;
    const then = lookAt(words.with(index, { kind: 'literal', value: wanted }), workspace);
    if (
      then.facts.executes.has(wanted) ||
      (fed && then.facts.reads.has(wanted)) ||
      then.texts.includes(wanted)
    )
      found.set(index, wanted);
  }
  return found;
}

function renamedWords(argv: readonly string[], by: Renaming): string[] {
  const found = replacements(
    argv.map((value): Arg => ({ kind: 'literal', value })),
    by,
  );
  return argv.map((word, index) => found.get(index) ?? word);
}

function renamedText(command: string, by: Renaming): string {
  const places: { readonly word: Word; readonly text: string }[] = [];
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'Command' && node.name !== undefined) {
      const words = [node.name, ...node.suffix.filter((part) => part.type === 'Word')];
      for (const [index, text] of replacements(words.map(toArg), by)) {
        const word = words[index];
        if (word !== undefined) places.push({ word, text });
      }
    } else if (by.fed && node.type === 'Redirect' && node.operator === '<' && node.target !== undefined) {
      const target = toArg(node.target);
      const text = target.kind === 'literal' ? by.names.get(target.value) : undefined;
      if (text !== undefined) places.push({ word: node.target, text });
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
