/** Puts the parts of memory together: what follows a turn, and what comes back into the next. */
import { createMemoryJob, MEMORY_JOB, memoryJob, viewerOf } from './agent/memory/after-turn.ts';
import { keep, type Remember } from './agent/memory/keep.ts';
import { recall } from './agent/memory/recall.ts';
import {
  createVectorJob,
  embedMetered,
  type Payer,
  revivalJobs,
  VECTOR_JOB,
  vectorJob,
} from './agent/memory/vectors.ts';
import type { Embedder } from './agent/model/embedder.ts';
import type { EngineDeps } from './agent/run.ts';
import type { JobHandler } from './domain/job.ts';
import type { Viewer } from './domain/memory.ts';
import type { Revivals } from './domain/reflection.ts';
import { type Clock, type Logger, newId } from './domain/runtime.ts';
import type { HistoryEntry } from './domain/session-store.ts';
import type { Turn } from './domain/turn.ts';
import type { Limits } from './gateway/limits.ts';
import type { Profiles } from './open-profiles.ts';
import { JOBS_KEPT_MS } from './store/retention.ts';
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

export type OpenedMemory = {
  readonly engine: Pick<EngineDeps, 'recall' | 'followUps' | 'flush' | 'memory'>;
  /** Keeps something at once. @param payer for whom its vector is counted. */
  readonly remember: Remember;
  readonly handlers: Readonly<Record<string, JobHandler>>;
  readonly revivals: Revivals;
};

/** Entries looked at to find one that says the same. */
const SIMILAR = 8;
/** A person waits for the answer: better by words alone than late. */
const EMBEDDING_PATIENCE_MS = 3_000;

export function openMemory(deps: MemoryDeps): OpenedMemory {
  const { store, clock } = deps;
  const profileOf = (turn: Pick<Turn, 'profile'>) => deps.profiles().get(turn.profile);
  /** Whether the key of its job is still known, so that it does not run again. */
  const isRecent = ({ input }: HistoryEntry) => input.at > clock.now() - JOBS_KEPT_MS;
  const payer = ({ user, session, profile }: Turn) => ({ user, session, profile });
  const metered = { ...store, requireBudget: deps.requireBudget, clock };
  const remember: Remember = async (viewer, payer, { source, ...entry }) => {
    const now = clock.now();
    const similar = await store.memories.search({ viewer, text: entry.text, limit: SIMILAR });
    const kept = keep(
      { redact: deps.redact, newId: () => newId(now), now },
      { viewer, ...entry, replaces: null, source },
      similar.map(({ memory }) => memory),
    );
    if ('refusal' in kept) return kept;
    // Somebody asks for it now: it is kept, whatever becomes of what it brings up to date.
    const change = { op: 'put', memory: kept.change.memory } as const;
    const [memory = change.memory] = await store.memories.apply([change]);
    if (profileOf(payer).embedder !== null) await store.jobs.enqueue(vectorJob(payer, memory));
    return { memory, updated: kept.updated };
  };
  const recallFor = (viewer: Viewer, from: Payer, text: string, limit: number) => {
    const { embedder } = profileOf(from);
    const embed = async (by: Embedder) => {
      const signal = AbortSignal.timeout(EMBEDDING_PATIENCE_MS);
      return { model: by.model, vector: await embedMetered(metered, by, from, text, signal) };
    };
    const asked = { viewer, text, limit, embed: embedder === null ? null : () => embed(embedder) };
    return recall({ memories: store.memories, log: deps.log }, asked);
  };
  return {
    remember,
    engine: {
      memory: (turn) => ({
        // The message that asked for it.
        remember: (entry) =>
          remember(viewerOf(turn), payer(turn), { ...entry, source: { turnId: turn.id, seq: 1 } }),
        recall: (text, limit) => recallFor(viewerOf(turn), payer(turn), text, limit),
        searchHistory: (text, limit) => store.sessions.search(turn.session, { text, limit }),
      }),
      // A turn that has had its job keeps it: the key is known.
      flush: (entries) =>
        deps.enabled()
          ? entries
              .filter((entry) => entry.status === 'done' && isRecent(entry))
              .map((entry) => memoryJob({ id: entry.turnId, user: entry.input.author.id }, clock.now()))
          : [],
      followUps: (turn, outcome) =>
        outcome === 'done' && deps.enabled() ? [memoryJob(turn, clock.now())] : [],
      async recall(turn, settings, ids) {
        const viewer = viewerOf(turn);
        if (ids !== undefined) return await store.memories.visible(viewer, ids);
        return await recallFor(viewer, payer(turn), turn.input.text, settings.recall);
      },
    },
    revivals: (turn, reflection, to) =>
      profileOf(turn).embedder === null ? [] : revivalJobs(turn, reflection, to),
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
