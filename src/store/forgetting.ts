/**
 * Forgetting: an entry leaves every place in which it can be shown or from which it could come back, the snapshots of
 * reflections among them. The logs of the conversations, which cannot be changed, stay.
 */
import { sql } from 'kysely';
import { personLane } from '../domain/job.ts';
import type { Memory, MemoryId } from '../domain/memory.ts';
import type { UserId } from '../domain/message.ts';
import { LESSON_TYPE, type ReflectedChange, type Reflection } from '../domain/reflection.ts';
import type { Tx } from './database.ts';
import { removeMemory } from './memory-changes.ts';
import { rewriteReflection, toReflection } from './reflections.ts';

/** As `erase` ends a job of somebody who is not remembered any more. */
const ERASED = JSON.stringify('erased');

/** @returns whether there was such an entry. */
export async function forgetMemory(tx: Tx, id: MemoryId): Promise<boolean> {
  const row = await tx.db
    .selectFrom('memories')
    .select(['scope', 'owner'])
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined || !(await removeMemory(tx, id))) return false;
  await forgetCounts(tx, [id]);
  // What is learned changes the entries of one person only.
  if (row.scope === 'user') await forgetSnapshots(tx, row.owner, id);
  return true;
}

/**
 * Takes an entry, and what was merged into it, out of all that was learned about a person: neither `show` nor `undo`
 * knows of it any more. @returns whether it was found in any.
 */
export async function forgetSnapshots(tx: Tx, person: UserId, idOrName: string): Promise<boolean> {
  const isMeant = ({ id, name }: Memory) => id === idOrName || name === idOrName;
  const meant = (await holding(tx, person, idOrName)).flatMap(({ changes }) =>
    (changes ?? []).flatMap(entriesOf),
  );
  const ids = new Set(meant.filter(isMeant).map(({ id }) => id));
  const touched = new Map<string, Reflection>();
  for (const one of ids) {
    for (const reflection of await holding(tx, person, one)) {
      const changes = reflection.changes ?? [];
      if (!changes.flatMap(entriesOf).some(({ id }) => id === one)) continue;
      touched.set(reflection.id, reflection);
      // An entry that went while this one was changed may live on in its words.
      if (reflection.state === 'applied' && changes.some((change) => isUpdateOf(change, one)))
        for (const change of changes) if (isRemoval(change)) ids.add(change.before.id);
    }
  }
  for (const reflection of touched.values()) await rewriteReflection(tx, without(reflection, ids));
  return touched.size > 0;
}

/** All about the accounts of one person; jobs that are under way for them come to nothing. @returns how many entries. */
export async function erasePerson(tx: Tx, accounts: readonly UserId[], now: number): Promise<number> {
  const rows = await tx.db
    .selectFrom('memories')
    .select('id')
    .where((of) =>
      of.or([of.and([of('scope', '=', 'user'), of('owner', 'in', accounts)]), of('author', 'in', accounts)]),
    )
    .execute();
  for (const { id } of rows) await removeMemory(tx, id);
  await forgetCounts(
    tx,
    rows.map(({ id }) => id),
  );
  await tx.db.deleteFrom('reflections').where('user_id', 'in', accounts).execute();
  await tx.db.deleteFrom('skill_copies').where('owner', 'in', accounts).execute();
  await tx.db.deleteFrom('skills').where('owner', 'in', accounts).execute();
  await tx.db
    .updateTable('jobs')
    .set({ ended_at: now, claimable_at: null, lease_owner: null, error: ERASED })
    .where('claimable_at', 'is not', null)
    .where('lane', 'in', accounts.map(personLane))
    .execute();
  return rows.length;
}

async function forgetCounts(tx: Tx, ids: readonly MemoryId[]): Promise<void> {
  for (const id of ids) await tx.db.deleteFrom('lesson_counts').where('memory_id', '=', id).execute();
}

/** Those in whose text these words are, wherever. */
async function holding(tx: Tx, person: UserId, words: string): Promise<Reflection[]> {
  const rows = await tx.db
    .selectFrom('reflections')
    .selectAll()
    .where('user_id', '=', person)
    .where('body', 'like', sql<string>`'%' || ${words} || '%'`)
    .$if(tx.locks, (query) => query.forUpdate())
    .execute();
  return rows.map(toReflection);
}

/** Its numbers stay. The model's own words about it may repeat what is to be forgotten. */
function without(reflection: Reflection, ids: ReadonlySet<MemoryId>): Reflection {
  const isGone = (change: ReflectedChange) => entriesOf(change).some((one) => ids.has(one.id));
  const touched = reflection.changes ?? [];
  const gone = touched.filter(isGone).flatMap(entriesOf);
  const changes = touched.filter((change) => !isGone(change));
  const isOpen = reflection.state === 'applied' || reflection.state === 'staged';
  return {
    ...reflection,
    changes,
    state: isOpen && changes.length === 0 ? 'none' : reflection.state,
    reasoning: null,
    raw: null,
    lesson: gone.some(({ type }) => type === LESSON_TYPE) ? null : reflection.lesson,
  };
}

const entriesOf = (change: ReflectedChange): Memory[] =>
  change.kind === 'memory' ? [change.before, change.after].filter((one) => one !== null) : [];

const isUpdateOf = (change: ReflectedChange, id: MemoryId): boolean =>
  change.kind === 'memory' && change.after?.id === id && change.before !== null;

const isRemoval = (change: ReflectedChange): change is { kind: 'memory'; before: Memory; after: null } =>
  change.kind === 'memory' && change.before !== null && change.after === null;
