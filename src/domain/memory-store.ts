/** Where memories are kept, as everyone but the store sees it. Times are milliseconds; nothing here is cached. */
import type { Memory, MemoryId, MemoryScope, Viewer } from './memory.ts';
import type { UserId } from './message.ts';

/**
 * `put` adds an entry or replaces the one with its id, exactly; a new entry whose name is taken gets the next free one.
 * `replace` does nothing when the entry was forgotten meanwhile.
 */
export type MemoryChange =
  | { readonly op: 'put' | 'replace'; readonly memory: Memory }
  | { readonly op: 'remove'; readonly id: MemoryId };

export type MemoryMatch = {
  readonly memory: Memory;
  /** 1: all that was looked for is there. */
  readonly score: number;
};

/** Entries as one viewer may see them: the viewer is part of every query. */
export interface MemoryStore {
  /** Full text, best first. */
  search(options: { viewer: Viewer; text: string; limit: number }): Promise<MemoryMatch[]>;
  /** The most important ones, newest first among equals. */
  prominent(options: { viewer: Viewer; limit: number }): Promise<Memory[]>;
  /** Those of the given ids that the viewer may see, in that order. */
  visible(viewer: Viewer, ids: readonly MemoryId[]): Promise<Memory[]>;
  /** Those whose vectors of that model are most like the given one (1: the same direction), best first, newest among equals. */
  alike(options: {
    viewer: Viewer;
    model: string;
    vector: Float32Array;
    limit: number;
  }): Promise<{ id: MemoryId; likeness: number }[]>;
  /** The extension of the database that compares them; null: this process does. */
  vectorExtension(): Promise<string | null>;
  /** For the job that embeds it. Nothing happens when the entry is gone or was changed after `updatedAt`. */
  setVector(options: { id: MemoryId; updatedAt: number; model: string; vector: Float32Array }): Promise<void>;
  get(id: MemoryId): Promise<Memory | undefined>;
  /** Everything, or all about the accounts of a person (theirs and what they wrote); oldest first, in pages. */
  list(options: { accounts?: readonly UserId[]; after?: MemoryId; limit: number }): Promise<Memory[]>;
  /** Entries of exactly one owner, whatever their place; for the job that keeps them in order. */
  ofOwner(scope: MemoryScope, owner: string, limit: number): Promise<Memory[]>;
  /** Returns the entries as they are stored afterwards; one that was removed, or to be removed and not there, is left out. */
  apply(changes: readonly MemoryChange[]): Promise<Memory[]>;
  /**
   * Removes an entry with every trace in the indexes, and from all that could show it or bring it back: what was learned
   * from it, and what was merged into it. False when there is none.
   */
  forget(id: MemoryId): Promise<boolean>;
  /** The same for an entry that is none any more, but is known to what was learned about a person. */
  forgetSnapshots(person: UserId, idOrName: string): Promise<boolean>;
  /** All about the accounts of one person, with their skills and what was learned. Returns how many entries there were. */
  erase(accounts: readonly UserId[], now: number): Promise<number>;
}
