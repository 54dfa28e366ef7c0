/** Reads a corpus file: one `verdict<TAB>text` a line, `#` for comments, `⏎` for a line feed. */
import { readFileSync } from 'node:fs';

export type CorpusLine = { readonly verdict: 'allow' | 'ask' | 'deny'; readonly command: string };

export function readCorpus(name: string): CorpusLine[] {
  const lines = readFileSync(new URL(name, import.meta.url), 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const tab = line.indexOf('\t');
      const verdict = line.slice(0, tab);
      if (verdict !== 'allow' && verdict !== 'ask' && verdict !== 'deny') throw new Error(`${name}: ${line}`);
      return { verdict, command: line.slice(tab + 1).replaceAll('⏎', '\n') };
    });
}
