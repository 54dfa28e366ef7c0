/** Reusable instructions in the Agent Skills format: a `SKILL.md` with front matter, and files beside it. */
import type { Viewer } from './memory.ts';
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

/** Where a copy was learned: the key of a shared conversation, or `PRIVATE`. */
export type SkillPlace = string;
/** No key of a conversation: those have several parts. */
export const PRIVATE: SkillPlace = 'private';

export type SkillState = {
  /** A `SKILL.md`; null: there is no copy. */
  readonly text: string | null;
  /** When reflection last edited it; null: never. */
  readonly editedAt: number | null;
};

export type SkillCopy = SkillState & { readonly place: SkillPlace };

/** What one person has changed about one skill. */
export type OwnSkill = {
  readonly owner: UserId;
  readonly name: string;
  readonly enabled: boolean;
  readonly copies: readonly SkillCopy[];
};

export type SkillViewer = Pick<Viewer, 'user' | 'conversation' | 'direct'>;

/** Where something learned to the viewer's face belongs. */
export const placeOf = ({ direct, conversation }: SkillViewer): SkillPlace =>
  direct ? PRIVATE : conversation;

/**
 * Those that a viewer may be shown, the one in force first. As with memory: what was learned in private stays there, and
 * what was learned in a shared conversation is used in that one and in private.
 */
export const copiesFor = (copies: readonly SkillCopy[], viewer: SkillViewer): SkillCopy[] =>
  copies
    .filter(({ place, text }) => text !== null && (viewer.direct || place === viewer.conversation))
    .toSorted(
      (a, b) =>
        Number(b.place === PRIVATE) - Number(a.place === PRIVATE) || (b.editedAt ?? 0) - (a.editedAt ?? 0),
    );

export interface SkillStore {
  /** By name. */
  ofOwner(owner: UserId): Promise<OwnSkill[]>;
  /** Wherever it is used. */
  setEnabled(owner: UserId, name: string, enabled: boolean): Promise<void>;
  /** The copy of one place alone. */
  changeCopy(change: CopyChange): Promise<void>;
}

export type CopyChange = Pick<OwnSkill, 'owner' | 'name'> & Pick<SkillCopy, 'place'> & Partial<SkillState>;
