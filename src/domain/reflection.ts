/** What was learned from a turn, what it changed, and how to take that back to the byte. */
import type { NewJob } from './job.ts';
import type { Memory, MemoryId } from './memory.ts';
import type { UserId } from './message.ts';
import type { SkillPlace, SkillState } from './skill.ts';
import type { Turn, TurnId } from './turn.ts';

export type ReflectionId = string;

/** Everything touched, before and after, whole: `before` null was not there, `after` null is gone. */
export type ReflectedChange =
  | { readonly kind: 'memory'; readonly before: Memory | null; readonly after: Memory | null }
  | {
      readonly kind: 'skill';
      readonly name: string;
      readonly place: SkillPlace;
      readonly before: SkillState;
      readonly after: SkillState;
    };

/** What a lesson is as an entry. */
export const LESSON_TYPE = 'lesson';

export type Lesson = { readonly summary: string; readonly reusableLesson: string };

/** What a lesson did to a later turn that had it in its prompt. */
export type LessonMark = { readonly memoryId: MemoryId; readonly effect: 'helpful' | 'harmful' };
export type LessonCount = { readonly helpful: number; readonly harmful: number };

export type Reflection = {
  readonly id: ReflectionId;
  readonly jobId: string;
  readonly turnId: TurnId | null;
  readonly userId: UserId | null;
  /** The skill that was in use, if one was. */
  readonly skill: string | null;
  readonly outcome: 'succeeded' | 'failed' | 'abstained';
  /** `staged`: waits for somebody's yes. `none`: there was nothing to change. */
  readonly state: 'none' | 'applied' | 'staged' | 'dismissed' | 'undone';
  readonly memoryChanges: number;
  readonly skillEdited: boolean;
  /** Rejection code → how many. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly durationMs: number;
  readonly errorCode: string | null;
  readonly reasoning: string | null;
  readonly lesson: Lesson | null;
  /** The snapshot. Null: it could not be written. What was changed is in force then, and cannot be shown or undone. */
  readonly changes: readonly ReflectedChange[] | null;
  /** The model's own words; only with `reflection.store_raw`. */
  readonly raw: string | null;
  readonly createdAt: number;
};

/** The jobs that make the vectors of the entries that a reflection of this turn, or its undo, leaves behind. */
export type Revivals = (turn: Turn, reflection: Reflection, to: 'applied' | 'undone') => readonly NewJob[];

export type SwitchResult = 'done' | 'unknown' | { readonly conflict: string };

export interface ReflectionStore {
  get(id: ReflectionId): Promise<Reflection | undefined>;
  /** Of all people, or of the accounts of one; latest first. */
  list(options: { accounts?: readonly UserId[]; limit: number }): Promise<Reflection[]>;
  /**
   * Moves a reflection from one state to another, with its changes: forwards (`staged` → `applied`), backwards
   * (`applied` → `undone`) or not at all (`staged` → `dismissed`). Exact or not done: what was changed since is a
   * conflict, in words.
   */
  move(id: ReflectionId, from: Reflection['state'], to: Reflection['state']): Promise<SwitchResult>;
  counts(lessons: readonly MemoryId[]): Promise<ReadonlyMap<MemoryId, LessonCount>>;
}
