/** What people have changed about skills. */
import type { OwnSkill, SkillChange, SkillStore } from '../domain/skill.ts';
import type { Database, Tx } from './database.ts';
import { prepared } from './prepared.ts';
import { fromText, toText } from './rows.ts';

export function createSkills(database: Database): SkillStore {
  return {
    async ofOwner(owner) {
      const { rows } = await database.read((db) => skillsOf(db, { owner }));
      return rows.map(toOwnSkill);
    },
    change: (change) => database.write((tx) => changeSkill(tx, change)),
  };
}

const skillsOf = prepared((db, of: { owner: string }) =>
  db.selectFrom('skills').selectAll().where('owner', '=', of.owner).orderBy('name'),
);

export async function changeSkill(tx: Tx, { owner, name, ...change }: SkillChange): Promise<void> {
  const set = {
    ...(change.text === undefined ? {} : { text: toText(change.text) }),
    ...(change.enabled === undefined ? {} : { enabled: change.enabled ? 1 : 0 }),
    ...(change.editedAt === undefined ? {} : { edited_at: change.editedAt }),
  };
  await tx.db
    .insertInto('skills')
    .values({ owner, name, text: null, enabled: 1, edited_at: null, ...set })
    .onConflict((conflict) => conflict.columns(['owner', 'name']).doUpdateSet(set))
    .execute();
}

export async function skillState(tx: Tx, owner: string, name: string) {
  const row = await tx.db
    .selectFrom('skills')
    .select(['text', 'edited_at'])
    .where('owner', '=', owner)
    .where('name', '=', name)
    .$if(tx.locks, (query) => query.forUpdate())
    .executeTakeFirst();
  return { text: fromText(row?.text ?? null), editedAt: row?.edited_at ?? null };
}

const toOwnSkill = (row: {
  owner: string;
  name: string;
  text: string | null;
  enabled: number;
  edited_at: number | null;
}): OwnSkill => ({
  owner: row.owner,
  name: row.name,
  text: fromText(row.text),
  enabled: row.enabled === 1,
  editedAt: row.edited_at,
});
