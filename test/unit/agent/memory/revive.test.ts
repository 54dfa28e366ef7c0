/** An entry that an undo brings back has the text of before, whose vector went with it: it is made once more. */
import { expect, test } from 'vitest';
import { revivalJobs, vectorJob } from '../../../../src/agent/memory/vectors.ts';
import { memoryOf } from '../../../contract/store/support.ts';

test('E69: after each undo and each yes the vector is made anew, though the same text has had a job before', () => {
  const payer = { user: 'web:ana', session: 'c', profile: 'default' };
  const before = memoryOf('m1', { scope: 'user', owner: 'web:ana', place: null });
  const after = { ...before, body: 'other', updatedAt: 2 };
  const jobs = (id: string, to: 'applied' | 'undone') =>
    revivalJobs(payer, { id, changes: [{ kind: 'memory', before, after }] }, to);
  const undone = [...jobs('r1', 'undone'), ...jobs('r2', 'undone')];
  const applied = jobs('r1', 'applied');
  expect(undone.map(({ payload }) => payload)).toEqual(Array(2).fill(vectorJob(payer, before).payload));
  expect(applied.map(({ payload }) => payload)).toEqual([vectorJob(payer, after).payload]);
  expect(new Set([vectorJob(payer, before), ...undone, ...applied].map(({ key }) => key)).size).toBe(4);
});
