/**
 * The skills there are: those that come with Parley, those an admin put into `config/skills`, and above them what one
 * person has made of them. The first two are files, read at start and when they change; the last is in the store.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { UserId } from '../../domain/message.ts';
import type { Logger } from '../../domain/runtime.ts';
import {
  copiesFor,
  type OwnSkill,
  PRIVATE,
  placeOf,
  type Skill,
  type SkillCopy,
  type SkillPlace,
  type SkillState,
  type SkillStore,
  type SkillViewer,
} from '../../domain/skill.ts';
import { memoize } from '../memoize.ts';
import { parseSkillFile } from './skill-file.ts';

export type Catalog = ReadonlyMap<string, BuiltInSkill>;
export type BuiltInSkill = Skill & {
  /** @returns undefined when there is no such file beside it. */
  readonly read: (file: string) => string | undefined;
};

/**
 * Skills of later folders replace those of the same name in earlier ones. One that cannot be read is left out.
 * @param before what was read earlier: what cannot be read any more stays as it was
 */
export function readCatalog(
  folders: readonly string[],
  log: Pick<Logger, 'warn'>,
  before: Catalog = new Map(),
): Catalog {
  const skills = new Map<string, BuiltInSkill>();
  for (const folder of folders) {
    for (const name of namesIn(folder)) {
      const read = readSkill(join(folder, name), name);
      const skill = 'problem' in read ? before.get(name) : read;
      if ('problem' in read)
        log.warn(
          { skill: join(folder, name) },
          `a skill ${skill === undefined ? 'was left out' : 'stays as it was'}: ${read.problem}`,
        );
      if (skill !== undefined) skills.set(name, skill);
    }
  }
  return skills;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}

function readSkill(folder: string, name: string): BuiltInSkill | { readonly problem: string } {
  const read = (file: string): string | undefined => {
    try {
      return readFileSync(join(folder, file), 'utf8');
    } catch {
      return undefined;
    }
  };
  const text = read('SKILL.md');
  if (text === undefined) return { problem: 'it has no SKILL.md' };
  const parsed = parseSkillFile(text, name);
  if ('problem' in parsed) return parsed;
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'SKILL.md')
    .map((entry) => entry.name)
    .sort();
  return {
    ...parsed.skill,
    text,
    files,
    origin: 'built-in',
    // Only what was listed: a name from outside is never a path.
    read: (file) => (files.includes(file) ? read(file) : undefined),
  };
}

export type ListedSkill = Skill & {
  readonly enabled: boolean;
  /** Of the copy; null: it is the built-in one. */
  readonly place: SkillPlace | null;
};
/** With what an edit of it has to know. */
export type UsedSkill = ListedSkill & {
  /** The copy of the place it is seen from, which an edit there replaces. */
  readonly here: SkillState;
  /** When any copy of it was edited last. */
  readonly editedAt: number | null;
};

/**
 * What one person has at one place, by name: their copies shadow the built-in ones. The same list again for as long as
 * nothing of it has changed, so that what is made of it is made once. It must not be changed.
 */
export async function skillsFor(
  catalog: Catalog,
  store: Pick<SkillStore, 'ofOwner'>,
  viewer: SkillViewer,
): Promise<readonly UsedSkill[]> {
  return keptOf(catalog)(await store.ofOwner(viewer.user), viewer);
}

/** Lists of people who have changed something; those of all others are one. */
const MOST_KEPT = 256;

const keptOf = memoize((catalog: Catalog) => {
  const kept = new Map<
    string,
    { readonly own: readonly OwnSkill[]; readonly skills: readonly UsedSkill[] }
  >();
  const untouched = usedAt(catalog, [], { user: '', conversation: PRIVATE, direct: true });
  return (own: readonly OwnSkill[], viewer: SkillViewer): readonly UsedSkill[] => {
    if (own.length === 0) return untouched;
    const key = `${viewer.user} ${placeOf(viewer)}`;
    const known = kept.get(key);
    if (known !== undefined && isDeepStrictEqual(known.own, own)) return known.skills;
    const skills = usedAt(catalog, own, viewer);
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(key, { own, skills });
    return skills;
  };
});

const usedAt = (catalog: Catalog, owned: readonly OwnSkill[], viewer: SkillViewer): UsedSkill[] =>
  list(catalog, owned, (name, own) => {
    const copies = own?.copies ?? [];
    const { text, editedAt } = copies.find(({ place }) => place === placeOf(viewer)) ?? NO_COPY;
    const edits = copies.flatMap((copy) => copy.editedAt ?? []);
    const latest = edits.length === 0 ? null : Math.max(...edits);
    return listed(catalog, name, own, copiesFor(copies, viewer)[0]).map((skill) => ({
      ...skill,
      here: { text, editedAt },
      editedAt: latest,
    }));
  });

const NO_COPY: SkillState = { text: null, editedAt: null };

/** All that one person has, each copy for itself; the built-in one where there is none. */
export const everySkillOf = async (
  catalog: Catalog,
  store: Pick<SkillStore, 'ofOwner'>,
  owner: UserId,
): Promise<ListedSkill[]> =>
  list(catalog, await store.ofOwner(owner), (name, own) => {
    const copies = copiesFor(own?.copies ?? [], { user: owner, conversation: PRIVATE, direct: true });
    const found = copies.flatMap((copy) => listed(catalog, name, own, copy));
    return found.length === 0 ? listed(catalog, name, own) : found;
  });

function list<T>(
  catalog: Catalog,
  owned: readonly OwnSkill[],
  each: (name: string, own: OwnSkill | undefined) => readonly T[],
): T[] {
  const own = new Map(owned.map((one) => [one.name, one]));
  const names = new Set([...catalog.keys(), ...own.keys()]);
  return [...names].sort().flatMap((name) => each(name, own.get(name)));
}

/** @returns none when it is neither built in nor a copy that can be read. */
function listed(catalog: Catalog, name: string, own?: OwnSkill, copy?: SkillCopy): ListedSkill[] {
  const builtIn = catalog.get(name);
  const enabled = own?.enabled ?? true;
  const parsed = copy?.text == null ? undefined : parseSkillFile(copy.text, name);
  if (copy?.text != null && parsed !== undefined && 'skill' in parsed) {
    const files = builtIn?.files ?? [];
    return [{ ...parsed.skill, text: copy.text, files, origin: 'own', enabled, place: copy.place }];
  }
  return builtIn === undefined ? [] : [{ ...builtIn, enabled, place: null }];
}
