/**
 * Leases of processes that are gone, given back at once instead of when they run out. With one owner whatever others
 * hold is abandoned; on PostgreSQL the server knows who is still connected.
 */
import type { Database } from './database.ts';

const leased = ['turns', 'outbox', 'jobs'] as const;

/** @returns what gives back; the first call acts on what it sees, later ones only on what was gone before too. */
export function createAbandoned(database: Database, worker: string): () => Promise<void> {
  let missing: ReadonlySet<string> | null = null;
  return async () => {
    const others = (await owners(database)).filter((owner) => owner !== worker);
    const alive = others.length === 0 ? new Set() : await database.connectedWorkers();
    const gone = others.filter((owner) => !alive.has(owner));
    // A connection may be away for a moment; a process that is gone stays away.
    const surely = missing === null ? gone : gone.filter((owner) => missing?.has(owner));
    missing = new Set(gone);
    if (surely.length > 0) await giveBack(database, surely);
  };
}

async function owners(database: Database): Promise<string[]> {
  const found = new Set<string>();
  for (const table of leased) {
    const rows = await database.read((db) =>
      db
        .selectFrom(table)
        .select('lease_owner')
        .distinct()
        .where('claimable_at', 'is not', null)
        .where('lease_owner', 'is not', null)
        .execute(),
    );
    for (const { lease_owner } of rows) if (lease_owner !== null) found.add(lease_owner);
  }
  return [...found];
}

async function giveBack(database: Database, gone: readonly string[]): Promise<void> {
  await database.write(async ({ db, changed }) => {
    await db
      .updateTable('turns')
      // A new fence, so that nothing its old worker might still send is taken.
      .set((of) => ({ claimable_at: 0, lease_owner: null, fence: of('fence', '+', 1) }))
      .where('claimable_at', 'is not', null)
      .where('lease_owner', 'in', gone)
      .execute();
    for (const table of ['outbox', 'jobs'] as const) {
      await db
        .updateTable(table)
        .set({ claimable_at: 0, lease_owner: null })
        .where('claimable_at', 'is not', null)
        .where('lease_owner', 'in', gone)
        .execute();
    }
    for (const topic of leased) changed(topic);
  });
}
