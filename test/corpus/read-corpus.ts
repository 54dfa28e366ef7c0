/** Reads a corpus file: one `verdict<TAB>text` a line, `# -- ROW …` before a group, `#` for comments, `⏎` for a line feed. */
import { readFileSync } from 'node:fs';

export type CorpusLine = {
  readonly verdict: 'allow' | 'ask' | 'deny';
  readonly command: string;
  /** The first word of the group's heading: `A12`. */
  readonly group: string;
};

export function readCorpus(name: string): CorpusLine[] {
  let group = '';
  return readFileSync(new URL(name, import.meta.url), 'utf8')
    .split('\n')
    .flatMap((line) => {
      group = /^# -- (\S+)/.exec(line)?.[1] ?? group;
      if (line === '' || line.startsWith('#')) return [];
      const tab = line.indexOf('\t');
      const verdict = line.slice(0, tab);
      if (verdict !== 'allow' && verdict !== 'ask' && verdict !== 'deny') throw new Error(`${name}: ${line}`);
      return [{ verdict, command: line.slice(tab + 1).replaceAll('⏎', '\n'), group }];
    });
}
