/** Taking a message in: once, in order, and durable before the platform is told. */
import { createHash } from 'node:crypto';
import { type Insertable, sql, type Updateable } from 'kysely';
import type { EventBody } from '../domain/event.ts';
import { newId } from '../domain/runtime.ts';
import type { Turn } from '../domain/turn.ts';
import type { Tx } from './database.ts';
import { prepared } from './prepared.ts';
import { toSession } from './rows.ts';
import type { SessionsTable, TurnsTable } from './schema.ts';
import type { Accepted, NewTurn } from './store.ts';
import { chain, extendTurn, headFrom, insertEvents, lockTurn, type TurnHead } from './turn-log.ts';

/** What became of it, and for a taker the head of the turn. */
type Taken = { readonly accepted: Accepted; readonly head?: TurnHead };

export async function acceptTurn(tx: Tx, turn: NewTurn): Promise<Taken> {
  const { message, now } = turn;
  const { where } = message;
  const found = await lookFor(tx, turn);
  if (found.twin !== null) return { accepted: { outcome: 'duplicate', turnId: found.twin } };
  const ahead = found.open ?? 0;
  const queued = ahead - (found.active ?? 0);
  if (queued >= turn.queueLimit) return { accepted: { outcome: 'queue-full', queued } };

  const id = newId(now);
  const started: EventBody = {
    type: 'turn.started',
    message,
    author: message.author.id,
    session: turn.session,
    channel: where.channel,
    workspace: turn.workspace,
    profile: turn.profile,
    debug: turn.debug,
  };
  const [first] = chain(id, 0, found.last_hash, [started], now);
  if (first === undefined) throw new Error('one event makes one row');
  // Behind nothing, and with somebody there to work on it: it need not be looked for.
  const taker = ahead === 0 ? turn.taker : undefined;
  const row = {
    id,
    session: turn.session,
    channel: where.channel,
    account: where.account,
    conversation: where.conversation,
    message_id: message.id,
    user_id: message.author.id,
    profile: turn.profile,
    workspace: turn.workspace,
    input: JSON.stringify(message),
    status: taker === undefined ? ('queued' as const) : ('running' as const),
    seq: first.seq,
    head_hash: first.hash,
    fence: taker === undefined ? 0 : 1,
    claimable_at: taker !== undefined ? now + taker.leaseMs : ahead === 0 ? 0 : null,
    lease_owner: taker?.worker ?? null,
    cancel_requested: 0,
    accepted_at: now,
    started_at: taker === undefined ? null : now,
    ended_at: null,
    error_code: null,
    answer: null,
  };
  const { rows, insertId } = await insertTurn(tx.db, row);
  const ordinal = rows[0]?.ordinal ?? Number(insertId);
  await insertEvents(tx, [first]);
  await moveSession(tx.db, {
    which: turn.session,
    last_hash: first.hash,
    last_turn_at: now,
    profile: turn.profile,
  });
  if (taker === undefined) tx.changed('turns');
  const accepted: Turn = {
    id,
    ordinal,
    session: turn.session,
    user: row.user_id,
    profile: turn.profile,
    workspace: turn.workspace,
    input: message,
    status: row.status,
    seq: row.seq,
    fence: row.fence,
    cancelRequested: false,
    acceptedAt: now,
    startedAt: row.started_at,
    endedAt: null,
    errorCode: null,
    answer: null,
  };
  const claimed =
    taker === undefined
      ? undefined
      : {
          turn: accepted,
          session: toSession({ ...found, profile: turn.profile, last_turn_at: now }),
          events: [{ ...started, turnId: id, seq: first.seq, at: now, v: first.v }],
        };
  return {
    accepted: { outcome: 'accepted', ahead, turn: accepted, claimed },
    ...(claimed === undefined ? {} : { head: headFrom({ ...row, ordinal }) }),
  };
}

/** Its session, made when there is none, and taken: messages of one session are accepted one after the other. */
async function lookFor(tx: Tx, turn: NewTurn): Promise<Around> {
  const { session, message, profile, now } = turn;
  const { channel, account, conversation } = message.where;
  const of = { channel, account, conversation, messageId: message.id, session };
  // Where nobody else writes meanwhile, looking is enough.
  const known = tx.locks ? undefined : (await lookAround(tx.db, of)).rows[0];
  if (known !== undefined) return known;
  await takeSession(tx.db, {
    key: session,
    place: JSON.stringify(message.where),
    direct: message.direct ? 1 : 0,
    profile,
    created_at: now,
    last_turn_at: now,
    history_after: 0,
    last_hash: createHash('sha256').update(session).digest('hex'),
  });
  const [taken] = (await lookAround(tx.db, of)).rows;
  if (taken === undefined) throw new Error('the session was taken');
  return taken;
}

const takeSession = prepared((db, of: Insertable<SessionsTable>) =>
  db
    .insertInto('sessions')
    .values(of)
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet((row) => ({ key: row.ref('excluded.key') })),
    ),
);

type Place = {
  channel: string;
  account: string;
  conversation: string;
  messageId: string;
  session: string;
};
type Around = Awaited<ReturnType<typeof lookAround>>['rows'][number];

/** The session, the same message from before, and how many of the session are not done or in hand. */
const lookAround = prepared((db, of: Place) =>
  db
    .selectFrom('sessions')
    .selectAll()
    .select((query) => [
      query
        .selectFrom('turns')
        .select('id')
        .where('channel', '=', of.channel)
        .where('account', '=', of.account)
        .where('conversation', '=', of.conversation)
        .where('message_id', '=', of.messageId)
        .as('twin'),
      query
        .selectFrom('turns')
        .select((count) => count.fn.countAll<number>().as('open'))
        .where('session', '=', of.session)
        .where('ended_at', 'is', null)
        .as('open'),
      query
        .selectFrom('turns')
        .select((count) => count.fn.countAll<number>().as('active'))
        .where('session', '=', of.session)
        .where('status', 'in', sql<'running'>`('running', 'waiting')`)
        .as('active'),
    ])
    .where('key', '=', of.session),
);

/** SQLite tells the key of a new row anyway, for less than `returning` costs. */
const insertTurn = prepared((db, of: Insertable<TurnsTable>, dialect) =>
  db
    .insertInto('turns')
    .values(of)
    .$if(dialect === 'postgres', (query) => query.returning('ordinal')),
);

const moveSession = prepared((db, { which, ...change }: Updateable<SessionsTable> & { which: string }) =>
  db.updateTable('sessions').set(change).where('key', '=', which),
);

/** Replaces the text of a turn that has not started (E75). */
export async function editQueued(tx: Tx, id: string, text: string, now: number): Promise<boolean> {
  const turn = await lockTurn(tx, id);
  if (turn?.status !== 'queued') return false;
  const row = await tx.db
    .selectFrom('turns')
    .select('input')
    .where('ordinal', '=', turn.ordinal)
    .executeTakeFirstOrThrow();
  const input = JSON.stringify({ ...JSON.parse(row.input), text });
  await extendTurn(tx, turn, [{ type: 'message.edited', text }], now, { input });
  return true;
}
