/**
 * Which message holds the draft of a turn, kept over a restart: the final answer then takes its place instead of
 * standing below half of itself (F3, F8).
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { KeyValue } from '../../domain/feed.ts';

export type Draft = {
  readonly channel: string;
  /** Chosen before it is posted: posting again with it gives the same message, for a few minutes. */
  readonly nonce: string;
  /** Null while it is not known whether it was posted. */
  readonly message: string | null;
};

export type PostedDraft = Draft & { readonly message: string };

export type Drafts = {
  get(turn: string): Promise<Draft | undefined>;
  put(turn: string, draft: Draft): Promise<void>;
  delete(turn: string): Promise<void>;
};

/**
 * Turns share so many places, so nothing has to be cleared away: the latest of a place counts. Two of a thousand turns
 * meet only while both are unfinished.
 */
const PLACES = 4_096;

const saved = z.object({
  turn: z.string(),
  channel: z.string(),
  nonce: z.string(),
  message: z.string().nullable(),
});

export function createDrafts(state: KeyValue): Drafts {
  const key = (turn: string): string =>
    `draft:${createHash('sha256').update(turn).digest().readUInt16BE(0) % PLACES}`;
  return {
    async get(turn) {
      const text = await state.get(key(turn));
      const parsed = saved.safeParse(text === undefined ? undefined : JSON.parse(text));
      return parsed.success && parsed.data.turn === turn ? parsed.data : undefined;
    },
    put: (turn, draft) => state.set(key(turn), JSON.stringify({ turn, ...draft })),
    delete: (turn) => state.delete(key(turn)),
  };
}
