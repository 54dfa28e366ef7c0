/** Handing turns to workers: leased, fenced, at most one of a session at a time. */
import { sql } from 'kysely';
import type { Event } from '../domain/event.ts';
import type { TurnId } from '../domain/turn.ts';
import type { Db, Tx } from './database.ts';
import { toEvent, toSession, toTurn } from './rows.ts';
import type { ClaimedTurn, TurnStore } from './store.ts';

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

export async function claimTurns(
  tx: Tx,
  { worker, limit, leaseMs, now }: ClaimOptions,
): Promise<ClaimedTurn[]> {
  // Oldest first, so a turn whose worker died is not overtaken for ever by new ones.
  const due = await tx.db
    .selectFrom('turns')
    .select('ordinal')
    .where('claimable_at', '<=', now)
    .orderBy('ordinal')
    .limit(limit)
    .$if(tx.locks, (query) => query.forUpdate().skipLocked())
    .execute();
  if (due.length === 0) return [];
  const rows = await tx.db
    .updateTable('turns')
    .set((of) => ({
      status: 'running',
      fence: of('fence', '+', 1),
      claimable_at: now + leaseMs,
      lease_owner: worker,
      started_at: of.fn.coalesce('started_at', of.val(now)),
    }))
    .where(
      'ordinal',
      'in',
      due.map((row) => row.ordinal),
    )
    .returningAll()
    .execute();
  const turns = rows.map(toTurn).sort((a, b) => a.ordinal - b.ordinal);
  const sessions = await tx.db
    .selectFrom('sessions')
    .selectAll()
    .where(
      'key',
      'in',
      turns.map((turn) => turn.session),
    )
    .execute();
  const events = await tx.db
    .selectFrom('events')
    .select(['turn_id', 'seq', 'at', 'v', 'body'])
    .where(
      'turn_id',
      'in',
      turns.map((turn) => turn.id),
    )
    .orderBy('turn_id')
    .orderBy('seq')
    .execute();
  const sessionOf = new Map(sessions.map((row) => [row.key, toSession(row)]));
  const eventsOf = new Map<TurnId, Event[]>(turns.map((turn) => [turn.id, []]));
  for (const row of events) eventsOf.get(row.turn_id)?.push(toEvent(row));
  return turns.flatMap((turn) => {
    const session = sessionOf.get(turn.session);
    return session === undefined ? [] : [{ turn, session, events: eventsOf.get(turn.id) ?? [] }];
  });
}

export async function renewLeases(tx: Tx, { worker, turns, leaseMs, now }: RenewOptions) {
  if (turns.length === 0) return { lost: [], cancelled: [] };
  const rows = await tx.db
    .selectFrom('turns')
    .select(['ordinal', 'id', 'fence', 'cancel_requested'])
    .where(
      'id',
      'in',
      turns.map((turn) => turn.id),
    )
    .where('lease_owner', '=', worker)
    .where('status', '=', sql.lit('running'))
    .$if(tx.locks, (query) => query.forUpdate())
    .execute();
  const fenceOf = new Map(turns.map((turn) => [turn.id, turn.fence]));
  const held = rows.filter((row) => row.fence === fenceOf.get(row.id));
  if (held.length > 0) {
    await tx.db
      .updateTable('turns')
      .set({ claimable_at: now + leaseMs })
      .where(
        'ordinal',
        'in',
        held.map((row) => row.ordinal),
      )
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
