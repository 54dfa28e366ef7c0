/** Changing a turn: take it, add to its log, move its status, let the next one of its session go. */
import { type Selectable, sql, type Updateable } from 'kysely';
import { EVENT_VERSION, type Event, type EventBody, eventHash } from '../domain/event.ts';
import { mayBecome, type TurnStatus } from '../domain/turn.ts';
import type { Db, Tx } from './database.ts';
import { toEvent } from './rows.ts';
import type { TurnsTable } from './schema.ts';

export type TurnRow = Selectable<TurnsTable>;

/** Reads the turn, and on PostgreSQL keeps others from changing it until the transaction ends. */
export async function lockTurn(tx: Tx, id: string): Promise<TurnRow | undefined> {
  return await tx.db
    .selectFrom('turns')
    .selectAll()
    .where('id', '=', id)
    .$if(tx.locks, (query) => query.forUpdate())
    .executeTakeFirst();
}

/**
 * Adds events at the head of the log and applies `change` to the turn, in step: the row always tells the head.
 * @param turn as `lockTurn` returned it in this transaction.
 */
export async function extendTurn(
  tx: Tx,
  turn: TurnRow,
  bodies: readonly EventBody[],
  now: number,
  change: Updateable<TurnsTable> = {},
): Promise<{ seq: number }> {
  if (change.status !== undefined && !mayBecome(turn.status, change.status)) {
    throw new Error(`turn ${turn.id} is ${turn.status} and cannot become ${change.status}`);
  }
  const rows = chain(turn.id, turn.seq, turn.head_hash, bodies, now);
  if (rows.length > 0) await tx.db.insertInto('events').values(rows).execute();
  const last = rows.at(-1);
  await tx.db
    .updateTable('turns')
    .set({ ...(last && { seq: last.seq, head_hash: last.hash }), ...change })
    .where('ordinal', '=', turn.ordinal)
    .execute();
  return { seq: last?.seq ?? turn.seq };
}

/** Rows of the log, each hashed over its predecessor and the exact text that is stored. */
export function chain(
  turnId: string,
  seq: number,
  headHash: string,
  bodies: readonly EventBody[],
  at: number,
) {
  let prevHash = headHash;
  return bodies.map((event, index) => {
    const body = JSON.stringify(event);
    const row = { turn_id: turnId, seq: seq + index + 1, at, v: EVENT_VERSION, body, prev_hash: prevHash };
    const hash = eventHash(prevHash, turnId, row.seq, at, row.v, body);
    prevHash = hash;
    return { ...row, hash };
  });
}

/** How a turn that ends looks, beside its answer or error. */
export const ended = (status: TurnStatus, now: number) => ({
  status,
  ended_at: now,
  claimable_at: null,
  lease_owner: null,
});

/**
 * Lets the oldest turn of the session start if none is active. The session is locked first: a message accepted
 * at this moment either sees that the way is free, or is seen here.
 */
export async function readyNext(tx: Tx, session: string): Promise<void> {
  if (tx.locks) {
    await tx.db.selectFrom('sessions').select('key').where('key', '=', session).forUpdate().execute();
  }
  const { numUpdatedRows } = await tx.db
    .updateTable('turns')
    .set({ claimable_at: 0 })
    .where('ordinal', '=', (query) =>
      query
        .selectFrom('turns')
        .select((of) => of.fn.min<number>('ordinal').as('first'))
        .where('session', '=', session)
        .where('ended_at', 'is', null),
    )
    .where('status', '=', sql.lit('queued'))
    .executeTakeFirst();
  if (numUpdatedRows > 0n) tx.changed('turns');
}

export async function eventsOf(
  db: Db,
  turnId: string,
  from: { after: number; upTo?: number },
): Promise<Event[]> {
  const rows = await db
    .selectFrom('events')
    .select(['turn_id', 'seq', 'at', 'v', 'body'])
    .where('turn_id', '=', turnId)
    .where('seq', '>', from.after)
    .$if(from.upTo !== undefined, (query) => query.where('seq', '<=', from.upTo ?? 0))
    .orderBy('seq')
    .execute();
  return rows.map(toEvent);
}
