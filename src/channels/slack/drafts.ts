/** Which messages are the draft of a turn, kept so that a new process takes over what a killed one left. */
import { z } from 'zod';
import type { KeyValue } from '../../domain/feed.ts';
import type { TurnId } from '../../domain/turn.ts';

export type Drafts = {
  /** The turn is taken in hand. @param isFirst no process had it before, so there is nothing to look for. */
  begin(turn: TurnId, isFirst: boolean): void;
  get(turn: TurnId): Promise<readonly string[]>;
  set(turn: TurnId, timestamps: readonly string[]): Promise<void>;
  drop(turn: TurnId): Promise<void>;
};

/** Far more than can be in hand at once. */
const MAX_NONE = 1_000;

const stored = z.array(z.string());

export function createDrafts(state: KeyValue): Drafts {
  /** Turns in hand here that have none: nobody else makes one for them. */
  const none = new Set<TurnId>();
  const key = (turn: TurnId): string => `draft:${turn}`;
  return {
    begin(turn, isFirst) {
      none.delete(turn);
      const [oldest] = none;
      if (none.size >= MAX_NONE && oldest !== undefined) none.delete(oldest);
      if (isFirst) none.add(turn);
    },
    async get(turn) {
      if (none.has(turn)) return [];
      const text = await state.get(key(turn));
      return text === undefined ? [] : stored.parse(JSON.parse(text));
    },
    async set(turn, timestamps) {
      none.delete(turn);
      await state.set(key(turn), JSON.stringify(timestamps));
    },
    async drop(turn) {
      if (!none.delete(turn)) await state.delete(key(turn));
    },
  };
}
