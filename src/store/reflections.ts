/** Reflections with their snapshots: written together with what they change, moved forwards and backwards exactly. */
import { isDeepStrictEqual } from 'node:util';
import type { Selectable } from 'kysely';
import type { LessonMark, ReflectedChange, Reflection, ReflectionStore } from '../domain/reflection.ts';
import type { SkillPlace } from '../domain/skill.ts';
import { type Database, inSavepoint, type Tx } from './database.ts';
import { changeMemories } from './memory-changes.ts';
import { toMemory } from './rows.ts';
import type { ReflectionsTable } from './schema.ts';
import { changeCopy, copyState } from './skills.ts';

export function createReflections(database: Database): ReflectionStore {
  return {
    async get(id) {
      const row = await database.read((db) =>
        db.selectFrom('reflections').selectAll().where('id', '=', id).executeTakeFirst(),
      );
      return row && toReflection(row);
    },
    async list({ accounts, limit }) {
      const rows = await database.read((db) =>
        db
          .selectFrom('reflections')
          .selectAll()
          .$if(accounts !== undefined, (query) => query.where('user_id', 'in', accounts ?? []))
          .orderBy('ordinal', 'desc')
          .limit(limit)
          .execute(),
      );
      return rows.map(toReflection);
    },
    async move(id, from, to) {
      try {
        return await database.write(async (tx) => {
          const row = await tx.db
            .selectFrom('reflections')
            .selectAll()
            .where('id', '=', id)
            .$if(tx.locks, (query) => query.forUpdate())
            .executeTakeFirst();
          if (row === undefined) return 'unknown';
          const reflection = toReflection(row);
          if (reflection.state !== from) return { conflict: `it is ${words[reflection.state]}` };
          if (reflection.changes === null) return { conflict: NO_SNAPSHOT };
          for (const step of stepsOf(reflection.changes, to)) {
            const conflict = await conflictOf(tx, reflection.userId, step);
            // Thrown, so that the steps before it are taken back.
            if (conflict !== null) throw new Conflict(conflict);
            await makeStep(tx, reflection.userId, step);
          }
          await tx.db.updateTable('reflections').set({ state: to }).where('id', '=', id).execute();
          return 'done';
        });
      } catch (error) {
        if (error instanceof Conflict) return { conflict: error.message };
        throw error;
      }
    },
    async counts(lessons) {
      if (lessons.length === 0) return new Map();
      const rows = await database.read((db) =>
        db.selectFrom('lesson_counts').selectAll().where('memory_id', 'in', lessons).execute(),
      );
      return new Map(rows.map(({ memory_id, helpful, harmful }) => [memory_id, { helpful, harmful }]));
    },
  };
}

const NO_SNAPSHOT = 'its snapshot could not be written, so nobody knows what was there before';

const words: Record<Reflection['state'], string> = {
  none: 'without changes',
  applied: 'in force already',
  staged: 'not decided yet',
  dismissed: 'dismissed already',
  undone: 'undone already',
};

/** A step as it is to be made: `from` must be found, `to` is left behind. */
type Step =
  | { kind: 'memory'; from: MemoryEnd; to: MemoryEnd }
  | { kind: 'skill'; name: string; place: SkillPlace; from: SkillEnd; to: SkillEnd };
type MemoryEnd = Extract<ReflectedChange, { kind: 'memory' }>['before'];
type SkillEnd = Extract<ReflectedChange, { kind: 'skill' }>['before'];

function stepsOf(changes: readonly ReflectedChange[], to: Reflection['state']): Step[] {
  if (to === 'applied')
    return changes.map(({ before, after, ...rest }) => ({ ...rest, from: before, to: after }) as Step);
  // Backwards in the reverse order: a name that the last change took is free again for the first.
  if (to === 'undone')
    return changes
      .toReversed()
      .map(({ before, after, ...rest }) => ({ ...rest, from: after, to: before }) as Step);
  return [];
}

class Conflict extends Error {}

async function conflictOf(tx: Tx, owner: string | null, step: Step): Promise<string | null> {
  if (step.kind === 'skill') {
    const found = await copyState(tx, { owner: owner ?? '', name: step.name, place: step.place });
    return found.text === step.from.text ? null : `the skill ${step.name} was changed since`;
  }
  const known = step.from ?? step.to;
  if (known === null) return null;
  const found = await findMemory(tx, known.id);
  if (!isDeepStrictEqual(found, step.from)) return `the entry ${known.name} was changed since`;
  const isNew = step.from === null;
  return isNew && (await isNameTaken(tx, known)) ? `the name ${known.name} is taken by now` : null;
}

async function makeStep(tx: Tx, owner: string | null, step: Step): Promise<void> {
  if (step.kind === 'skill') {
    await changeCopy(tx, { owner: owner ?? '', name: step.name, place: step.place, ...step.to });
  } else if (step.to !== null) {
    await changeMemories(tx, [{ op: 'put', memory: step.to }]);
  } else if (step.from !== null) {
    await changeMemories(tx, [{ op: 'remove', id: step.from.id }]);
  }
}

async function findMemory(tx: Tx, id: string) {
  const row = await tx.db
    .selectFrom('memories')
    .selectAll()
    .where('id', '=', id)
    .$if(tx.locks, (query) => query.forUpdate())
    .executeTakeFirst();
  return row === undefined ? null : toMemory(row);
}

async function isNameTaken(tx: Tx, memory: { scope: string; owner: string; name: string }): Promise<boolean> {
  const row = await tx.db
    .selectFrom('memories')
    .select('id')
    .where('scope', '=', memory.scope as 'user')
    .where('owner', '=', memory.owner)
    .where('name', '=', memory.name)
    .executeTakeFirst();
  return row !== undefined;
}

/** What was changed or forgotten while the model thought about it stays as it is. */
async function applied(tx: Tx, reflection: Reflection): Promise<Reflection> {
  const proposed = reflection.changes ?? [];
  const changes: ReflectedChange[] = [];
  for (const [index, step] of stepsOf(proposed, 'applied').entries()) {
    const change = proposed[index];
    if (change === undefined || (await conflictOf(tx, reflection.userId, step)) !== null) continue;
    await makeStep(tx, reflection.userId, step);
    changes.push(change);
  }
  return { ...reflection, changes, state: changes.length === 0 ? 'none' : 'applied' };
}

/** Replaces one, in the transaction that takes something out of it. */
export async function rewriteReflection(tx: Tx, reflection: Reflection): Promise<void> {
  const { state, body } = rowOf(reflection);
  await tx.db.updateTable('reflections').set({ state, body }).where('id', '=', reflection.id).execute();
}

function rowOf({ id, jobId, userId, state, createdAt, ...body }: Reflection) {
  return { id, job_id: jobId, user_id: userId, state, body: JSON.stringify(body), created_at: createdAt };
}

export type SnapshotFailure = { readonly error: unknown };

/**
 * With the job that made it: the row, what it changes unless it is staged, and how earlier lessons fared.
 * @returns why there is no snapshot, when that alone could not be written
 */
export async function writeReflection(
  tx: Tx,
  reflection: Reflection,
  marks: readonly LessonMark[],
): Promise<SnapshotFailure | null> {
  const written = reflection.state === 'applied' ? await applied(tx, reflection) : reflection;
  const insert = (row: Reflection) => tx.db.insertInto('reflections').values(rowOf(row)).execute();
  let failed: SnapshotFailure | null = null;
  if (written.state === 'applied') {
    failed = await inSavepoint(tx, () => insert(written));
    if (failed !== null) await insert(withoutSnapshot(written));
  } else await insert(written);
  for (const { memoryId, effect } of marks) {
    const first = { helpful: effect === 'helpful' ? 1 : 0, harmful: effect === 'harmful' ? 1 : 0 };
    await tx.db
      .insertInto('lesson_counts')
      .values({ memory_id: memoryId, ...first })
      .onConflict((conflict) =>
        conflict.column('memory_id').doUpdateSet((of) => ({
          helpful: of('lesson_counts.helpful', '+', first.helpful),
          harmful: of('lesson_counts.harmful', '+', first.harmful),
        })),
      )
      .execute();
  }
  return failed;
}

/** Its words go too: without a snapshot, forgetting an entry could not tell that they speak of it. */
const withoutSnapshot = (reflection: Reflection): Reflection => ({
  ...reflection,
  changes: null,
  reasoning: null,
  lesson: null,
  raw: null,
});

export const toReflection = (row: Selectable<ReflectionsTable>): Reflection => ({
  ...(JSON.parse(row.body) as Omit<Reflection, 'id' | 'jobId' | 'userId' | 'state' | 'createdAt'>),
  id: row.id,
  jobId: row.job_id,
  userId: row.user_id,
  state: row.state,
  createdAt: row.created_at,
});
