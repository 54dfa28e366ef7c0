/**
 * The skills there are: those that come with Parley, those an admin put into `config/skills`, and above them what one
 * person has made of them. The first two are files, read at start and when they change; the last is in the store.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UserId } from '../../domain/message.ts';
import type { Logger } from '../../domain/runtime.ts';
import type { Skill, SkillStore } from '../../domain/skill.ts';
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

export type ListedSkill = Skill & { readonly enabled: boolean; readonly editedAt: number | null };

/** What one person has, by name: their copies shadow the built-in ones. */
export async function skillsFor(
  catalog: Catalog,
  store: Pick<SkillStore, 'ofOwner'>,
  user: UserId,
): Promise<ListedSkill[]> {
  const own = new Map((await store.ofOwner(user)).map((one) => [one.name, one]));
  const names = new Set([...catalog.keys(), ...own.keys()]);
  return [...names].sort().flatMap((name): ListedSkill[] => {
    const builtIn = catalog.get(name);
    const mine = own.get(name);
    const state = { enabled: mine?.enabled ?? true, editedAt: mine?.editedAt ?? null };
    const parsed = mine?.text == null ? undefined : parseSkillFile(mine.text, name);
    if (mine?.text != null && parsed !== undefined && 'skill' in parsed)
      return [{ ...parsed.skill, text: mine.text, files: builtIn?.files ?? [], origin: 'own', ...state }];
    return builtIn === undefined ? [] : [{ ...builtIn, ...state }];
  });
}
