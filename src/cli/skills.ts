/** `parley skills`: the instructions there are for somebody, and their own copies as files. For operators. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type Catalog,
  everySkillOf,
  type ListedSkill,
  readCatalog,
  skillsFor,
} from '../agent/skills/catalog.ts';
import { AppError } from '../domain/errors.ts';
import { PRIVATE, type SkillPlace } from '../domain/skill.ts';
import { skillFolders } from '../open-learning.ts';
import { type CommonOptions, printJson, printLine, printTable, quietLog, withStore } from './command-line.ts';

/** Without an owner: what everybody has who has changed nothing. Without a place: as in a private chat. */
type Options = CommonOptions & {
  readonly owner?: string;
  readonly place?: SkillPlace;
  readonly json?: boolean;
};

const withSkills = (
  options: Options,
  use: (skills: readonly ListedSkill[], catalog: Catalog) => number,
): Promise<number> =>
  withStore(options, async (store, loaded) => {
    const catalog = readCatalog(skillFolders(), quietLog(loaded));
    const { owner: user = '', place: conversation = PRIVATE } = options;
    const viewer = { user, conversation, direct: conversation === PRIVATE };
    return use(await skillsFor(catalog, store.skills, viewer), catalog);
  });

/** Every copy, wherever it was learned: the place is what `--place` takes. */
export const list = (options: Options): Promise<number> =>
  withStore(options, async (store, loaded) => {
    const catalog = readCatalog(skillFolders(), quietLog(loaded));
    const skills = await everySkillOf(catalog, store.skills, options.owner ?? '');
    const rows = skills.map(({ name, origin, place, enabled, description }) => ({
      name,
      origin,
      place,
      enabled,
      description,
    }));
    if (options.json) for (const row of rows) printJson(row);
    else
      printTable(
        ['name', 'origin', 'place', 'enabled', 'description'],
        rows.map((row) => [
          row.name,
          row.origin,
          row.place ?? '-',
          row.enabled ? 'yes' : 'no',
          row.description,
        ]),
      );
    return 0;
  });

/** The whole `SKILL.md`, as it is. */
export const show = (name: string, options: Options): Promise<number> =>
  withSkills(options, (skills) => {
    const skill = skills.find((one) => one.name === name);
    if (skill === undefined) {
      printLine(`There is no skill ${name}; "parley skills list" shows them.`);
      return 1;
    }
    process.stdout.write(skill.text);
    return 0;
  });

/** Only what is theirs: the others are files already. */
export const exportTo = (folder: string, options: Options & { readonly owner: string }): Promise<number> =>
  withSkills(options, (skills, catalog) => {
    const own = skills.filter((skill) => skill.origin === 'own');
    const targets = own.map(({ name }) => resolve(folder, name));
    const taken = targets.find((target) => existsSync(target));
    if (taken !== undefined)
      throw new AppError(
        'cli.usage',
        `${taken} is there already, and nothing was written. Name another folder, or move that one away.`,
      );
    for (const { name, text, files } of own) {
      const target = resolve(folder, name);
      mkdirSync(target, { recursive: true });
      writeFileSync(join(target, 'SKILL.md'), text);
      for (const file of files) writeFileSync(join(target, file), catalog.get(name)?.read(file) ?? '');
      printLine(target);
    }
    if (own.length > 0) return 0;
    printLine(
      `${options.owner} has no copy of a skill there; "parley skills list --owner ID" shows what they use where.`,
    );
    return 1;
  });
