/**
 * What a message calls to mind: full text and, where vectors are made, likeness of meaning, fused by rank; then, while
 * there is room, what matters most. Everything comes out of queries that carry the viewer.
 */
import { errorMessage } from '../../domain/errors.ts';
import type { Memory, MemoryId, Viewer } from '../../domain/memory.ts';
import type { MemoryStore } from '../../domain/memory-store.ts';
import type { Logger } from '../../domain/runtime.ts';

export type RecallQuestion = {
  readonly viewer: Viewer;
  readonly text: string;
  readonly limit: number;
  /** The vector of the text and the name of the model that made it; null where no vectors are made. */
  readonly embed: (() => Promise<{ model: string; vector: Float32Array }>) | null;
};

export type RecallDeps = { readonly memories: MemoryStore; readonly log: Logger };

/** Of reciprocal rank fusion: how little the first places of one list outweigh the agreement of both. */
const RANK_CONSTANT = 60;

/** Best first. An embedder that fails leaves the full text. */
export async function recall(deps: RecallDeps, question: RecallQuestion): Promise<Memory[]> {
  const { viewer, text, limit } = question;
  if (limit === 0) return [];
  const [matches, alike, prominent] = await Promise.all([
    // Two lists are fused: what is far down in one may be high up in the other.
    deps.memories.search({ viewer, text, limit: question.embed === null ? limit : limit * 2 }),
    byMeaning(deps, question),
    deps.memories.prominent({ viewer, limit }),
  ]);
  const byText = matches.map(({ memory }) => memory.id);
  const ranked = [...fuse([byText, alike]), ...prominent.map((memory) => memory.id)];
  const ids = [...new Set(ranked)].slice(0, limit);
  const read = new Map([...matches.map(({ memory }) => memory), ...prominent].map((one) => [one.id, one]));
  const unread = await deps.memories.visible(
    viewer,
    ids.filter((id) => !read.has(id)),
  );
  for (const memory of unread) read.set(memory.id, memory);
  return ids.flatMap((id) => read.get(id) ?? []);
}

async function byMeaning(deps: RecallDeps, { viewer, limit, embed }: RecallQuestion): Promise<MemoryId[]> {
  if (embed === null) return [];
  try {
    const { model, vector } = await embed();
    const found = await deps.memories.alike({ viewer, model, vector, limit: limit * 2 });
    return found.map(({ id }) => id);
  } catch (error) {
    deps.log.warn({ detail: errorMessage(error) }, 'no vectors for this message; recalling by words alone');
    return [];
  }
}

/** Reciprocal rank fusion: each list gives 1 / (constant + rank). */
export function fuse(lists: readonly (readonly MemoryId[])[]): MemoryId[] {
  const scores = new Map<MemoryId, number>();
  for (const list of lists) {
    for (const [rank, id] of list.entries())
      scores.set(id, (scores.get(id) ?? 0) + 1 / (RANK_CONSTANT + rank + 1));
  }
  return [...scores].sort((a, b) => b[1] - a[1]).map(([id]) => id);
}
