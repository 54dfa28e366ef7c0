/** Vectors of memories and of questions: metered, within the budget, and never needed. */
import { z } from 'zod';
import { dayOf } from '../../domain/day.ts';
import type { JobHandler, NewJob } from '../../domain/job.ts';
import type { Memory } from '../../domain/memory.ts';
import type { MemoryStore } from '../../domain/memory-store.ts';
import type { Reflection } from '../../domain/reflection.ts';
import type { Clock } from '../../domain/runtime.ts';
import type { UsageStore } from '../../domain/usage.ts';
import type { PlannedCall } from '../model/client.ts';
import type { Embedder } from '../model/embedder.ts';

export const VECTOR_JOB = 'memory.vector';

/** Who the call is counted for. */
export type Payer = { readonly user: string; readonly session: string; readonly profile: string };

export type VectorDeps = {
  readonly memories: Pick<MemoryStore, 'get' | 'setVector'>;
  readonly usage: Pick<UsageStore, 'add'>;
  readonly requireBudget: (planned: PlannedCall) => Promise<void>;
  readonly clock: Clock;
};

/** @throws AppError `model.*`, `limits.budget` */
export async function embedMetered(
  deps: Omit<VectorDeps, 'memories'>,
  embedder: Embedder,
  payer: Payer,
  text: string,
  signal: AbortSignal,
): Promise<Float32Array> {
  await deps.requireBudget(embedder.plan(text.length));
  const { vector, promptTokens, cost } = await embedder.embed(text, signal);
  await deps.usage.add([
    {
      day: dayOf(deps.clock.now()),
      user: payer.user,
      conversation: payer.session,
      role: 'embedding',
      model: embedder.model,
      promptTokens,
      completionTokens: 0,
      cost,
    },
  ]);
  return vector;
}

const payload = z.object({
  id: z.string(),
  updatedAt: z.number(),
  payer: z.object({ user: z.string(), session: z.string(), profile: z.string() }),
});

/** @param again why the same text is embedded once more */
export const vectorJob = (payer: Payer, memory: Pick<Memory, 'id' | 'updatedAt'>, again = ''): NewJob => ({
  kind: VECTOR_JOB,
  key: `vector ${memory.id} ${memory.updatedAt}${again === '' ? '' : ` ${again}`}`,
  payload: { id: memory.id, updatedAt: memory.updatedAt, payer },
  runAt: memory.updatedAt,
});

/** For the entries that a reflection leaves behind, or its undo: their text may have had a job before, whose vector is gone. */
export const revivalJobs = (
  { user, session, profile }: Payer,
  { id, changes }: Pick<Reflection, 'id' | 'changes'>,
  to: 'applied' | 'undone',
): NewJob[] =>
  (changes ?? [])
    .map((change) => (change.kind === 'memory' ? change[to === 'applied' ? 'after' : 'before'] : null))
    .filter((memory) => memory !== null)
    .map((memory) => vectorJob({ user, session, profile }, memory, `${id} ${to}`));

/** An endpoint that is down is tried again for a while; the entry is found by its words meanwhile, and after. */
export function createVectorJob(
  deps: VectorDeps & { readonly embedder: (profile: string) => Embedder | null },
): JobHandler {
  return {
    async run(job, signal) {
      const { id, updatedAt, payer } = payload.parse(job.payload);
      const embedder = deps.embedder(payer.profile);
      const memory = embedder === null ? undefined : await deps.memories.get(id);
      if (embedder === null || memory?.updatedAt !== updatedAt) return {};
      const vector = await embedMetered(
        deps,
        embedder,
        payer,
        `${memory.description}\n${memory.body}`,
        signal,
      );
      await deps.memories.setVector({ id, updatedAt, model: embedder.model, vector });
      return {};
    },
    givenUp: () => ({}),
  };
}
