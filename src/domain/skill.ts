/** Reusable instructions in the Agent Skills format: a `SKILL.md` with front matter, and files beside it. */
import type { UserId } from './message.ts';

/** Of the Agent Skills format: lower-case letters, digits and hyphens. Also a folder, so nothing else may be in it. */
const NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const MAX_NAME = 64;

export const isSkillName = (text: string): boolean => text.length <= MAX_NAME && NAME.test(text);

export type Skill = {
  readonly name: string;
  /** What it does and when to use it: all that the model sees until it loads the rest. */
  readonly description: string;
  /** Markdown. */
  readonly body: string;
  /** All of the `SKILL.md`, as it was written. */
  readonly text: string;
  /** Names of the files beside it. */
  readonly files: readonly string[];
  /** `own`: a copy for one person, that shadows the built-in one. */
  readonly origin: 'built-in' | 'own';
};

/** What one person has changed about one skill. */
export type OwnSkill = {
  readonly owner: UserId;
  readonly name: string;
  /** Their `SKILL.md`; null: the built-in one. */
  readonly text: string | null;
  readonly enabled: boolean;
  /** When reflection last edited it; null: never. */
  readonly editedAt: number | null;
};

export interface SkillStore {
  /** By name. */
  ofOwner(owner: UserId): Promise<OwnSkill[]>;
  /** A new one is enabled. */
  change(change: SkillChange): Promise<void>;
}

export type SkillChange = Pick<OwnSkill, 'owner' | 'name'> &
  Partial<Pick<OwnSkill, 'text' | 'enabled' | 'editedAt'>>;
