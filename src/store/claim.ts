/** Handing turns to workers: leased, fenced, at most one of a session at a time. */
import { sql } from 'kysely';
import type { Event } from '../domain/event.ts';
import type { TurnId } from '../domain/turn.ts';
import type { Db, Tx } from './database.ts';
import { isAmong, listOf, prepared } from './prepared.ts';
import { toEvent, toSession, toTurn } from './rows.ts';
import type { ClaimedTurn, TurnStore } from './store.ts';
import { headFrom, type TurnHead } from './turn-log.ts';

type ClaimOptions = Parameters<TurnStore['claim']>[0];
type RenewOptions = Parameters<TurnStore['renew']>[0];
type ReleaseOptions = Parameters<TurnStore['release']>[0];

/** Whether a claim would find anything: asked first, as a poll must not cost a write. */
export async function anyClaimable(db: Db, now: number): Promise<boolean> {
  const row = await db
    .selectFrom('turns')
    .select('ordinal')
    .where('claimable_at', '<=', now)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

type Claims = { readonly claimed: ClaimedTurn[]; readonly heads: TurnHead[] };

export async function claimTurns(tx: Tx, { worker, limit, leaseMs, now }: ClaimOptions): Promise<Claims> {
  const { dialect } = tx;
  const due = (await someDue(tx.db, { now, limit })).rows;
  if (due.length === 0) return { claimed: [], heads: [] };
  const ordinals = listOf(
    dialect,
    due.map((row) => row.ordinal),
  );
  const { rows } = await take(tx.db, { ordinals, worker, until: now + leaseMs, now });
  const turns = rows.map(toTurn).sort((a, b) => a.ordinal - b.ordinal);
  const keys = listOf(
    dialect,
    turns.map((turn) => turn.session),
  );
  const ids = listOf(
    dialect,
    turns.map((turn) => turn.id),
  );
  const sessions = (await sessionsOf(tx.db, { keys })).rows;
  const events = (await eventsOfTurns(tx.db, { ids })).rows;
  const sessionOf = new Map(sessions.map((row) => [row.key, toSession(row)]));
  const eventsOf = new Map<TurnId, Event[]>(turns.map((turn) => [turn.id, []]));
  for (const row of events) eventsOf.get(row.turn_id)?.push(toEvent(row));
  const claimed = turns.flatMap((turn) => {
    const session = sessionOf.get(turn.session);
    return session === undefined ? [] : [{ turn, session, events: eventsOf.get(turn.id) ?? [] }];
  });
  return { claimed, heads: rows.map(headFrom) };
}

type List = ReturnType<typeof listOf>;

/** Oldest first, so a turn whose worker died is not overtaken for ever by new ones. */
const someDue = prepared((db, of: { now: number; limit: number }, dialect) =>
  db
    .selectFrom('turns')
    .select('ordinal')
    .where('claimable_at', '<=', of.now)
    .orderBy('ordinal')
    .limit(of.limit)
    .$if(dialect === 'postgres', (query) => query.forUpdate().skipLocked()),
);
const take = prepared(
  (db, { ordinals, ...to }: { ordinals: List; worker: string; until: number; now: number }, dialect) =>
    db
      .updateTable('turns')
      .set((of) => ({
        status: sql.lit('running'),
        fence: of('fence', '+', sql.lit(1)),
        claimable_at: to.until,
        lease_owner: to.worker,
        started_at: of.fn.coalesce('started_at', of.val(to.now)),
      }))
      .where(isAmong(dialect, 'ordinal', ordinals))
      .returningAll(),
);
const sessionsOf = prepared((db, of: { keys: List }, dialect) =>
  db
    .selectFrom('sessions')
    .selectAll()
    .where(isAmong(dialect, 'key', of.keys)),
);
const eventsOfTurns = prepared((db, of: { ids: List }, dialect) =>
  db
    .selectFrom('events')
    .select(['turn_id', 'seq', 'at', 'v', 'body'])
    .where(isAmong(dialect, 'turn_id', of.ids))
    .orderBy('turn_id')
    .orderBy('seq'),
);

export async function renewLeases(tx: Tx, { worker, turns, leaseMs, now }: RenewOptions) {
  if (turns.length === 0) return { lost: [], cancelled: [] };
  const { dialect } = tx;
  const ids = listOf(
    dialect,
    turns.map((turn) => turn.id),
  );
  const rows = await tx.db
    .selectFrom('turns')
    .select(['ordinal', 'id', 'fence', 'cancel_requested'])
    .where(isAmong(dialect, 'id', ids))
    .where('lease_owner', '=', worker)
    .where('status', '=', sql.lit('running'))
    .$if(tx.locks, (query) => query.forUpdate())
    .execute();
  const fenceOf = new Map(turns.map((turn) => [turn.id, turn.fence]));
  const held = rows.filter((row) => row.fence === fenceOf.get(row.id));
  if (held.length > 0) {
    const ordinals = listOf(
      dialect,
      held.map((row) => row.ordinal),
    );
    await tx.db
      .updateTable('turns')
      .set({ claimable_at: now + leaseMs })
      .where(isAmong(dialect, 'ordinal', ordinals))
      .execute();
  }
  const heldIds = new Set(held.map((row) => row.id));
  return {
    lost: turns.map((turn) => turn.id).filter((id) => !heldIds.has(id)),
    cancelled: held.filter((row) => row.cancel_requested === 1).map((row) => row.id),
  };
}

export async function releaseLeases(tx: Tx, { worker }: ReleaseOptions): Promise<number> {
  const released = await tx.db
    .updateTable('turns')
    // A new fence, so that nothing its old worker still sends is taken.
    .set((of) => ({ claimable_at: 0, lease_owner: null, fence: of('fence', '+', 1) }))
    .where('claimable_at', 'is not', null)
    .where('lease_owner', '=', worker)
    .executeTakeFirst();
  const count = Number(released.numUpdatedRows);
  if (count > 0) tx.changed('turns');
  return count;
}
