/** Which messages are the draft of a turn, kept so that a new process takes over what a killed one left. */
import { z } from 'zod';
import type { KeyValue } from '../../domain/feed.ts';
import type { TurnId } from '../../domain/turn.ts';

export type Drafts = {
  get(turn: TurnId): Promise<readonly string[]>;
  set(turn: TurnId, timestamps: readonly string[]): Promise<void>;
  drop(turn: TurnId): Promise<void>;
};

const stored = z.array(z.string());

export function createDrafts(state: KeyValue): Drafts {
  const key = (turn: TurnId): string => `draft:${turn}`;
  return {
    async get(turn) {
      const text = await state.get(key(turn));
      return text === undefined ? [] : stored.parse(JSON.parse(text));
    },
    set: (turn, timestamps) => state.set(key(turn), JSON.stringify(timestamps)),
    drop: (turn) => state.delete(key(turn)),
  };
}
