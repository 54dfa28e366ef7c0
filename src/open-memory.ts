/** Puts the parts of memory together: what follows a turn, and what comes back into the next. */
import { createMemoryJob, MEMORY_JOB, memoryJob, viewerOf } from './agent/memory/after-turn.ts';
import { recall } from './agent/memory/recall.ts';
import { createVectorJob, embedMetered, VECTOR_JOB, vectorJob } from './agent/memory/vectors.ts';
import type { EngineDeps } from './agent/run.ts';
import type { JobHandler } from './domain/job.ts';
import type { Clock, Logger } from './domain/runtime.ts';
import type { Turn } from './domain/turn.ts';
import type { Limits } from './gateway/limits.ts';
import type { Profiles } from './open-profiles.ts';
import type { Store } from './store/store.ts';

export type MemoryDeps = {
  readonly store: Store;
  readonly enabled: () => boolean;
  readonly profiles: () => Profiles;
  readonly requireBudget: Limits['requireBudget'];
  readonly redact: (text: string) => string;
  readonly clock: Clock;
  readonly log: Logger;
};

export type OpenedMemory = Pick<EngineDeps, 'recall' | 'followUps'> & {
  readonly handlers: Readonly<Record<string, JobHandler>>;
};

/** A person waits for the answer: better by words alone than late. */
const EMBEDDING_PATIENCE_MS = 3_000;

export function openMemory(deps: MemoryDeps): OpenedMemory {
  const { store, clock } = deps;
  const profileOf = (turn: Pick<Turn, 'profile'>) => deps.profiles().get(turn.profile);
  const payer = ({ user, session, profile }: Turn) => ({ user, session, profile });
  const metered = { ...store, requireBudget: deps.requireBudget, clock };
  return {
    followUps: (turn) => (deps.enabled() ? [memoryJob(turn, clock.now())] : []),
    async recall(turn, settings, ids) {
      const viewer = viewerOf(turn);
      if (ids !== undefined) return await store.memories.visible(viewer, ids);
      const { embedder } = profileOf(turn);
      const { text } = turn.input;
      const embed = async (of: NonNullable<typeof embedder>) => {
        const signal = AbortSignal.timeout(EMBEDDING_PATIENCE_MS);
        return { model: of.model, vector: await embedMetered(metered, of, payer(turn), text, signal) };
      };
      return await recall(
        { memories: store.memories, log: deps.log },
        { viewer, text, limit: settings.recall, embed: embedder === null ? null : () => embed(embedder) },
      );
    },
    handlers: {
      [MEMORY_JOB]: createMemoryJob({
        ...metered,
        enabled: deps.enabled,
        models: (turn) => profileOf(turn).models,
        embed: (turn, memory) => (profileOf(turn).embedder === null ? [] : [vectorJob(payer(turn), memory)]),
        redact: deps.redact,
      }),
      [VECTOR_JOB]: createVectorJob({
        ...metered,
        embedder: (profile) => profileOf({ profile }).embedder,
      }),
    },
  };
}
