/** Changing a turn: take it, add to its log, move its status, let the next one of its session go. */
import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import { AppError } from '../domain/errors.ts';
import { EVENT_VERSION, type Event, type EventBody, eventHash } from '../domain/event.ts';
import { mayBecome, type TurnStatus } from '../domain/turn.ts';
import type { Db, Tx } from './database.ts';
import { prepared } from './prepared.ts';
import { toEvent } from './rows.ts';
import type { EventsTable, TurnsTable } from './schema.ts';

/** What changing a turn depends on. Not the whole row: the texts of it are long. */
const HEAD = ['ordinal', 'id', 'session', 'user_id', 'status', 'seq', 'head_hash', 'fence'] as const;
export type TurnHead = Readonly<Pick<Selectable<TurnsTable>, (typeof HEAD)[number]>>;
type LockedTurn = TurnHead & Readonly<Pick<Selectable<TurnsTable>, 'claimable_at' | 'ended_at'>>;

/** That much of a row, which holds more. */
export const headFrom = ({
  ordinal,
  id,
  session,
  user_id,
  status,
  seq,
  head_hash,
  fence,
}: TurnHead): TurnHead => ({
  ...{ ordinal, id, session, user_id, status, seq, head_hash, fence },
});

/** Reads the turn, and on PostgreSQL keeps others from changing it until the transaction ends. */
export async function lockTurn(tx: Tx, id: string): Promise<LockedTurn | undefined> {
  const turn = (await headOf(tx.db, { id })).rows[0];
  // Claims pass over what is locked: one that came by meanwhile has to come again.
  if (turn !== undefined && turn.claimable_at !== null && turn.status !== 'running') tx.changed('turns');
  return turn;
}

const headOf = prepared((db, of: { id: string }, dialect) =>
  db
    .selectFrom('turns')
    .select([...HEAD, 'claimable_at', 'ended_at'])
    .where('id', '=', of.id)
    .$if(dialect === 'postgres', (query) => query.forUpdate()),
);
const insertEvent = prepared((db, of: Insertable<EventsTable>) => db.insertInto('events').values(of));
type Step = Updateable<TurnsTable> & { which: number; onStatus: TurnStatus; onHash: string; onFence: number };
const changeTurn = prepared((db, { which, onStatus, onHash, onFence, ...change }: Step) =>
  db
    .updateTable('turns')
    .set(change)
    .where('ordinal', '=', which)
    .where('status', '=', onStatus)
    .where('head_hash', '=', onHash)
    .where('fence', '=', onFence),
);
const readyFirst = prepared((db, of: { session: string; claimable_at: number }) =>
  db
    .updateTable('turns')
    .set({ claimable_at: of.claimable_at })
    .where('ordinal', '=', (query) =>
      query
        .selectFrom('turns')
        .select((turn) => turn.fn.min<number>('ordinal').as('first'))
        .where('session', '=', of.session)
        .where('ended_at', 'is', null),
    )
    .where('status', '=', sql.lit('queued')),
);

export type EventRow = Insertable<EventsTable>;

export async function insertEvents(tx: Tx, rows: readonly EventRow[]): Promise<void> {
  for (const row of rows) await insertEvent(tx.db, row);
}

/**
 * Adds events at the head of the log and applies `change` to the turn, in step: the row always tells the head.
 * @param turn how it is believed to be. When it is not (any more), nothing is changed.
 * @returns how it is now; undefined when nothing was changed
 */
export async function extendIf(
  tx: Tx,
  turn: TurnHead,
  bodies: readonly EventBody[],
  now: number,
  change: Updateable<TurnsTable> = {},
): Promise<TurnHead | undefined> {
  const { status = turn.status, fence = turn.fence } = change;
  if (change.status !== undefined && !mayBecome(turn.status, status)) {
    throw new Error(`turn ${turn.id} is ${turn.status} and cannot become ${status}`);
  }
  const rows = chain(turn.id, turn.seq, turn.head_hash, bodies, now);
  const { seq, hash: head_hash } = rows.at(-1) ?? { seq: turn.seq, hash: turn.head_hash };
  const on = { which: turn.ordinal, onStatus: turn.status, onHash: turn.head_hash, onFence: turn.fence };
  const { numAffectedRows } = await changeTurn(tx.db, { ...change, seq, head_hash, ...on });
  if (numAffectedRows !== 1n) return undefined;
  await insertEvents(tx, rows);
  return { ...turn, status, fence, seq, head_hash };
}

/** @param turn as `lockTurn` returned it in this transaction, or as this returned it since. */
export async function extendTurn(...step: Parameters<typeof extendIf>): Promise<TurnHead> {
  const head = await extendIf(...step);
  if (head === undefined) throw new Error(`turn ${step[1].id} was changed while it was locked`);
  return head;
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
  const { numAffectedRows = 0n } = await readyFirst(tx.db, { session, claimable_at: 0 });
  if (numAffectedRows > 0n) tx.changed('turns');
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

/** @param write what was refused, and by whose leave it came. */
export function staleWrite(
  reason: 'fence' | 'sequence',
  write: { readonly turnId: string; readonly expectedSeq?: number; readonly fence: number },
  turn: TurnHead | undefined,
): AppError {
  const { turnId, expectedSeq, fence } = write;
  const at = expectedSeq === undefined ? '' : ` at ${expectedSeq}`;
  const found =
    turn === undefined ? 'it does not exist' : `it is ${turn.status} at ${turn.seq}, fence ${turn.fence}`;
  return new AppError(
    'store.stale_write',
    `Refused a write to turn ${turnId}${at}, fence ${fence}: ${found}.`,
    { details: { reason, turnId, ...(expectedSeq !== undefined && { expectedSeq }), fence } },
  );
}
