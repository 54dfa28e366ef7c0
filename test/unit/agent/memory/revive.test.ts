/** An entry that an undo brings back has the text of before, whose vector went with it: it is made once more. */
import { expect, test } from 'vitest';
import { vectorJob } from '../../../../src/agent/memory/vectors.ts';
import type { NewJob } from '../../../../src/domain/job.ts';
import type { Reflection } from '../../../../src/domain/reflection.ts';
import type { Turn } from '../../../../src/domain/turn.ts';
import { openMemory } from '../../../../src/open-memory.ts';
import type { Profiles } from '../../../../src/open-profiles.ts';
import type { Store } from '../../../../src/store/store.ts';
import { memoryOf, silent } from '../../../contract/store/support.ts';

test('E69: after an undo the vector is made anew, though the same text has had a job before', async () => {
  const payer = { user: 'web:ana', session: 'c', profile: 'default' };
  const entry = memoryOf('m1', { scope: 'user', owner: 'web:ana', place: null });
  const queued: NewJob[] = [];
  const memory = openMemory({
    store: {
      turns: { get: async () => payer as unknown as Turn },
      jobs: { enqueue: async (job: NewJob) => queued.push(job) > 0 },
    } as unknown as Store,
    enabled: () => true,
    profiles: () => ({ get: () => ({ embedder: {} }) }) as unknown as Profiles,
    requireBudget: async () => {},
    redact: (text) => text,
    clock: { now: () => 1, monotonic: () => 1 },
    log: silent,
  });
  const undone = (id: string) =>
    memory.revive({
      id,
      turnId: 't',
      changes: [{ kind: 'memory', before: entry, after: null }],
    } as unknown as Reflection);
  await undone('r1');
  await undone('r2');
  const keys = [vectorJob(payer, entry), ...queued].map(({ key }) => key);
  expect(new Set(keys).size).toBe(3);
  expect(queued.map(({ payload }) => payload)).toEqual([
    vectorJob(payer, entry).payload,
    vectorJob(payer, entry).payload,
  ]);
});
