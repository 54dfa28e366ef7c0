/** A12 and A14 to A21: each row of attacks on the classifier, with many variants of its own (`shell-attacks.tsv`). */
import { describe, expect, it } from 'vitest';
import { classify } from '../../src/agent/tools/shell/classify.ts';
import { readCorpus } from '../corpus/read-corpus.ts';

const workspace = '/srv/parley/workspace';
const corpus = readCorpus('shell-attacks.tsv');
const rows = [...new Set(corpus.map(({ group }) => group))];

describe.each(rows)('%s', (row) => {
  it.each(corpus.filter(({ group }) => group === row))(
    `${row} $verdict: $command`,
    ({ verdict, command }) => {
      const { decision, alwaysKey, reasons } = classify(command, workspace);
      expect({ decision, reasons }).toMatchObject({ decision: verdict });
      if (row === 'A12') expect(alwaysKey).toBeNull();
      // Said in words for a person, never only in names of options.
      expect(reasons.every((reason) => /^[a-z`].{5,}/.test(reason))).toBe(true);
    },
  );
});

it('has variants of every row', () => {
  expect(rows).toEqual(['A12', 'A14', 'A15', 'A16', 'A17', 'A18', 'A19', 'A20', 'A21']);
  for (const row of rows) expect(corpus.filter(({ group }) => group === row).length).toBeGreaterThan(25);
});
