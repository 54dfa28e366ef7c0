/** What people have changed about skills. */
import type { CopyChange, OwnSkill, SkillCopy, SkillState, SkillStore } from '../domain/skill.ts';
import type { Database, Tx } from './database.ts';
import { prepared } from './prepared.ts';
import { fromText, toText } from './rows.ts';

export function createSkills(database: Database): SkillStore {
  return {
    async ofOwner(owner) {
      const { rows } = await database.read((db) => skillsOf(db, { owner }));
      const found = new Map<string, OwnSkill>();
      for (const { name, enabled, place, text, edited_at } of rows) {
        const { copies } = found.get(name) ?? { copies: [] };
        const copy: SkillCopy[] =
          place === null ? [] : [{ place, text: fromText(text), editedAt: edited_at }];
        found.set(name, { owner, name, enabled: enabled === 1, copies: [...copies, ...copy] });
      }
      return [...found.values()];
    },
    setEnabled: (owner, name, enabled) =>
      database.write(async (tx) => {
        const set = { enabled: enabled ? 1 : 0 };
        await tx.db
          .insertInto('skills')
          .values({ owner, name, ...set })
          .onConflict((conflict) => conflict.columns(['owner', 'name']).doUpdateSet(set))
          .execute();
      }),
    changeCopy: (change) => database.write((tx) => changeCopy(tx, change)),
  };
}

const skillsOf = prepared((db, of: { owner: string }) =>
  db
    .selectFrom('skills')
    .leftJoin('skill_copies', (join) =>
      join.onRef('skill_copies.owner', '=', 'skills.owner').onRef('skill_copies.name', '=', 'skills.name'),
    )
    .select(['skills.name', 'enabled', 'place', 'text', 'edited_at'])
    .where('skills.owner', '=', of.owner)
    .orderBy('skills.name')
    .orderBy('place'),
);

export async function changeCopy(tx: Tx, { owner, name, place, ...change }: CopyChange): Promise<void> {
  // Whoever has a copy has the skill itself, enabled unless they said otherwise.
  await tx.db
    .insertInto('skills')
    .values({ owner, name, enabled: 1 })
    .onConflict((conflict) => conflict.columns(['owner', 'name']).doNothing())
    .execute();
  const set = {
    ...(change.text === undefined ? {} : { text: toText(change.text) }),
    ...(change.editedAt === undefined ? {} : { edited_at: change.editedAt }),
  };
  await tx.db
    .insertInto('skill_copies')
    .values({ owner, name, place, text: null, edited_at: null, ...set })
    .onConflict((conflict) => conflict.columns(['owner', 'name', 'place']).doUpdateSet(set))
    .execute();
}

export async function copyState(
  tx: Tx,
  { owner, name, place }: Pick<CopyChange, 'owner' | 'name' | 'place'>,
): Promise<SkillState> {
  const row = await tx.db
    .selectFrom('skill_copies')
    .select(['text', 'edited_at'])
    .where('owner', '=', owner)
    .where('name', '=', name)
    .where('place', '=', place)
    .$if(tx.locks, (query) => query.forUpdate())
    .executeTakeFirst();
  return { text: fromText(row?.text ?? null), editedAt: row?.edited_at ?? null };
}
