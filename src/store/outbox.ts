/**
 * What is to be said, kept until a platform took it. Only the first delivery of a lane is ever on offer, and an
 * edit only once what it edits is out: both are decided when something changes, so a claim looks at nothing else.
 */
import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import type { ConversationRef, DeliveryKey, MessageRef, UserId } from '../domain/message.ts';
import type { Database, Tx } from './database.ts';
import { prepared } from './prepared.ts';
import type { OutboxTable } from './schema.ts';
import type { Delivery, NewDelivery, OutboxStore, Taker } from './store.ts';

const pending = sql.lit<'pending'>('pending');

/**
 * Later deliveries with a key that exists are dropped.
 * @returns those that `taker` has now: what is first in its lane, save for edits.
 */
export async function enqueueDeliveries(
  tx: Tx,
  deliveries: readonly NewDelivery[],
  now: number,
  taker?: Taker,
): Promise<Delivery[]> {
  if (deliveries.length === 0) return [];
  const lanes = new Set(deliveries.map((delivery) => delivery.lane));
  for (const lane of [...lanes].sort()) await lockLane(tx, lane);
  const due: Delivery[] = [];
  for (const delivery of deliveries) {
    const { key, turnId, lane, target, message } = delivery;
    const isFirst = target.kind !== 'edit' && (await firstOf(tx.db, { lane })).rows.length === 0;
    const given = isFirst ? taker : undefined;
    const { numAffectedRows } = await insert(tx.db, {
      key,
      turn_id: turnId,
      lane,
      place: target.kind === 'edit' ? null : JSON.stringify(placeOf(target)),
      edit_of: target.kind === 'edit' ? target.of : null,
      message: JSON.stringify(message),
      status: 'pending',
      attempts: given === undefined ? 0 : 1,
      refs: '[]',
      claimable_at: given === undefined ? null : now + given.leaseMs,
      lease_owner: given?.worker ?? null,
      error: null,
      created_at: now,
      settled_at: null,
    });
    if (given === undefined || numAffectedRows !== 1n) continue;
    due.push({ ...delivery, attempts: 0, createdAt: now, refs: [] });
    lanes.delete(lane);
  }
  for (const lane of [...lanes].sort()) await advance(tx, lane, now);
  return due;
}

export function createOutbox(database: Database): OutboxStore {
  return {
    enqueue: (deliveries, now) =>
      database.write(async (tx) => {
        await enqueueDeliveries(tx, deliveries, now);
      }),
    async claim(options) {
      const waiting = await database.read((db) =>
        db.selectFrom('outbox').select('key').where('claimable_at', '<=', options.now).limit(1).execute(),
      );
      return waiting.length === 0 ? [] : await database.write((tx) => claim(tx, options));
    },
    progress: (key, refs) =>
      database.write(async (tx) => {
        await tx.db
          .updateTable('outbox')
          .set({ refs: JSON.stringify(refs) })
          .where('key', '=', key)
          .where('status', '=', pending)
          .execute();
      }),
    sent: (key, refs, now) =>
      database.write(
        (tx) => settle(tx, key, { status: 'sent', refs: JSON.stringify(refs), error: null }, now),
        true,
      ),
    failed: (key, error, retryAt, now) =>
      database.write(async (tx) => {
        const text = JSON.stringify(error);
        if (retryAt === null) return await settle(tx, key, { status: 'dropped', error: text }, now);
        await tx.db
          .updateTable('outbox')
          .set({ claimable_at: retryAt, lease_owner: null, error: text })
          .where('key', '=', key)
          .where('status', '=', pending)
          .execute();
        tx.changed('outbox');
      }),
    async refs(key) {
      const row = await database.read((db) =>
        db.selectFrom('outbox').select(['status', 'refs']).where('key', '=', key).executeTakeFirst(),
      );
      return row?.status === 'sent' ? (JSON.parse(row.refs) as MessageRef[]) : undefined;
    },
    async foundCopy(of, copy) {
      // Nearly always it is the message that is known: nothing to write.
      const found = await database.read((db) => unrecorded(db, of, copy));
      if (found !== undefined) await database.write((tx) => addCopy(tx, of, copy));
    },
    moved: (key, refs) =>
      database.write(async (tx) => {
        await tx.db
          .updateTable('outbox')
          .set({ refs: JSON.stringify(refs) })
          .where('key', '=', key)
          .execute();
      }),
    async nextDue() {
      const row = await database.read((db) =>
        db
          .selectFrom('outbox')
          .select('claimable_at')
          .where('claimable_at', 'is not', null)
          .orderBy('claimable_at')
          .limit(1)
          .executeTakeFirst(),
      );
      return row?.claimable_at ?? undefined;
    },
  };
}

type Copied = Parameters<OutboxStore['foundCopy']>[0];

/** The delivery, already out in that place, of which the message is a copy that is not recorded. */
async function unrecorded(db: Tx['db'], of: Copied, copy: MessageRef) {
  const keys = of.map(({ key }) => key);
  const rows = await db
    .selectFrom('outbox')
    .select(['key', 'refs'])
    .where('key', 'in', keys)
    .where('status', '=', 'sent')
    .execute();
  for (const row of rows) {
    const refs: MessageRef[] = JSON.parse(row.refs);
    const here = refs.filter(({ where }) => isSamePlace(where, copy.where));
    const edits = of.find(({ key }) => key === row.key)?.edits ?? [];
    if (here.length > 0 && !here.some(({ id }) => id === copy.id)) return { key: row.key, refs, edits };
  }
  return undefined;
}

const isSamePlace = (a: ConversationRef, b: ConversationRef): boolean =>
  a.channel === b.channel && a.account === b.account && a.conversation === b.conversation;

async function addCopy(tx: Tx, of: Copied, copy: MessageRef): Promise<void> {
  const found = await unrecorded(tx.db, of, copy);
  if (found === undefined) return;
  await tx.db
    .updateTable('outbox')
    .set({ refs: JSON.stringify([...found.refs, copy]) })
    .where('key', '=', found.key)
    .execute();
  const last = await tx.db
    .selectFrom('outbox')
    .select('key')
    .where('key', 'in', found.edits)
    .where('status', '=', 'sent')
    .orderBy('ordinal', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (last === undefined) return;
  await tx.db
    .updateTable('outbox')
    .set({ status: 'pending', claimable_at: 0, attempts: 0, settled_at: null })
    .where('key', '=', last.key)
    .execute();
  tx.changed('outbox');
}

async function claim(tx: Tx, { worker, limit, leaseMs, now }: Parameters<OutboxStore['claim']>[0]) {
  const due = await tx.db
    .selectFrom('outbox')
    .select('ordinal')
    .where('claimable_at', '<=', now)
    // Not plainly by ordinal: SQLite would walk the whole table in that order rather than sort the few that are due.
    .orderBy(sql`ordinal + 0`)
    .limit(limit)
    .$if(tx.locks, (query) => query.forUpdate().skipLocked())
    .execute();
  if (due.length === 0) return [];
  const rows = await tx.db
    .updateTable('outbox')
    .set((of) => ({ claimable_at: now + leaseMs, lease_owner: worker, attempts: of('attempts', '+', 1) }))
    .where(
      'ordinal',
      'in',
      due.map((row) => row.ordinal),
    )
    .returningAll()
    .execute();
  const originals = rows.flatMap((row) => row.edit_of ?? []);
  const refs = new Map<DeliveryKey, string>();
  if (originals.length > 0) {
    const found = await tx.db
      .selectFrom('outbox')
      .select(['key', 'refs'])
      .where('key', 'in', originals)
      .execute();
    for (const row of found) refs.set(row.key, row.refs);
  }
  return rows
    .sort((a, b) => a.ordinal - b.ordinal)
    .map((row) => toDelivery(row, (row.edit_of === null ? row.refs : refs.get(row.edit_of)) ?? '[]'));
}

function toDelivery(row: Selectable<OutboxTable>, refs: string): Delivery {
  return {
    key: row.key,
    turnId: row.turn_id,
    lane: row.lane,
    target: row.edit_of === null ? targetOf(row.place) : { kind: 'edit', of: row.edit_of },
    message: JSON.parse(row.message),
    attempts: row.attempts - 1,
    createdAt: row.created_at,
    refs: JSON.parse(refs),
  };
}

/** A place, or a person whose private conversation the platform names when it is sent. */
const placeOf = (target: Exclude<NewDelivery['target'], { kind: 'edit' }>): unknown =>
  target.kind === 'send' ? target.to : { user: target.user };

function targetOf(place: string | null): Delivery['target'] {
  const stored: ConversationRef | { readonly user: UserId } = JSON.parse(place ?? 'null');
  return 'user' in stored ? { kind: 'direct', user: stored.user } : { kind: 'send', to: stored };
}

type Settled = { status: 'sent'; refs: string; error: null } | { status: 'dropped'; error: string };

/** Ends a delivery and lets go what waited for it. A second report about it, from a worker that was late, is ignored. */
async function settle(tx: Tx, key: DeliveryKey, outcome: Settled, now: number): Promise<void> {
  if (tx.locks) {
    const [found] = (await laneOf(tx.db, { key })).rows;
    if (found === undefined) return;
    await lockLane(tx, found.lane);
  }
  const end = { ...outcome, claimable_at: null, lease_owner: null, settled_at: now };
  const {
    rows: [row],
  } = await endDelivery(tx.db, { ...end, which: key });
  if (row === undefined) return;
  // Jobs wait for what their turn has to say.
  tx.changed('jobs');
  await advance(tx, row.lane, now);
  const editors = await editorsOf(tx.db, { key });
  const lanes = new Set(editors.rows.map((one) => one.lane));
  lanes.delete(row.lane);
  for (const lane of [...lanes].sort()) {
    await lockLane(tx, lane);
    await advance(tx, lane, now);
  }
}

/** Puts the first delivery of a lane on offer, when it may go; drops edits whose original will never be there. */
async function advance(tx: Tx, lane: string, now: number): Promise<void> {
  for (;;) {
    const {
      rows: [head],
    } = await firstOf(tx.db, { lane });
    if (head === undefined || head.claimable_at !== null) return;
    const original = head.edit_of === null ? 'sent' : await statusOf(tx, head.edit_of);
    if (original === 'pending') return;
    if (original === 'sent') {
      await tx.db.updateTable('outbox').set({ claimable_at: 0 }).where('key', '=', head.key).execute();
      tx.changed('outbox');
      return;
    }
    const error = JSON.stringify('what it edits was never sent');
    await settle(tx, head.key, { status: 'dropped', error }, now);
  }
}

const insert = prepared((db, of: Insertable<OutboxTable>) =>
  db
    .insertInto('outbox')
    .values(of)
    .onConflict((conflict) => conflict.column('key').doNothing()),
);
const firstOf = prepared((db, of: { lane: string }) =>
  db
    .selectFrom('outbox')
    .select(['key', 'edit_of', 'claimable_at'])
    .where('lane', '=', of.lane)
    .where('status', '=', pending)
    .orderBy('ordinal')
    .limit(1),
);
const laneOf = prepared((db, of: { key: string }) =>
  db.selectFrom('outbox').select('lane').where('key', '=', of.key),
);
const endDelivery = prepared((db, { which, ...end }: Updateable<OutboxTable> & { which: string }) =>
  db.updateTable('outbox').set(end).where('key', '=', which).where('status', '=', pending).returning('lane'),
);
const editorsOf = prepared((db, of: { key: string }) =>
  db.selectFrom('outbox').select('lane').where('edit_of', '=', of.key).where('status', '=', pending),
);

/** The row stays locked, so that what is decided from it holds when whoever settles it looks for its edits. */
async function statusOf(tx: Tx, key: DeliveryKey): Promise<OutboxTable['status']> {
  const row = await tx.db
    .selectFrom('outbox')
    .select('status')
    .where('key', '=', key)
    .$if(tx.locks, (query) => query.forShare())
    .executeTakeFirst();
  return row?.status ?? 'dropped';
}

/** Two processes must not both find a lane empty, or both put its next delivery on offer. */
async function lockLane(tx: Tx, lane: string): Promise<void> {
  if (tx.locks) await sql`select pg_advisory_xact_lock(hashtextextended(${lane}, 0))`.execute(tx.db);
}
