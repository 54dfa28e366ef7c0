/** Turns: in, out to workers, and found again. */
import { type SqlBool, sql } from 'kysely';
import { isTerminal, type TurnId } from '../domain/turn.ts';
import { acceptTurn, editQueued } from './accept.ts';
import { appendToTurn } from './append.ts';
import { cancelTurn } from './cancel.ts';
import { anyClaimable, claimTurns, releaseLeases, renewLeases } from './claim.ts';
import type { Database } from './database.ts';
import { packOutput } from './outputs.ts';
import { toTurn } from './rows.ts';
import type { TurnStore } from './store.ts';
import type { TurnHead } from './turn-log.ts';

/** More than one process works on at a time. Of turns that others took over some may stay behind. */
const MOST_HEADS = 1_000;

export function createTurns(database: Database): TurnStore {
  /** How the turns that this process works on were left by its last write. */
  const heads = new Map<TurnId, TurnHead>();

  function remember(head: TurnHead): void {
    heads.delete(head.id);
    if (head.status === 'running') heads.set(head.id, head);
    for (const oldest of heads.keys()) {
      if (heads.size <= MOST_HEADS) break;
      heads.delete(oldest);
    }
  }

  return {
    async accept(turn) {
      const { accepted, head } = await database.write((tx) => acceptTurn(tx, turn));
      if (head !== undefined) remember(head);
      return accepted;
    },
    async claim(options) {
      if (!(await database.read((db) => anyClaimable(db, options.now)))) return [];
      const { claimed, heads: taken } = await database.write((tx) => claimTurns(tx, options));
      for (const head of taken) remember(head);
      return claimed;
    },
    renew: (options) => database.write((tx) => renewLeases(tx, options)),
    release: (options) => database.write((tx) => releaseLeases(tx, options)),
    async append(write) {
      const outputs = write.outputs === undefined ? [] : await Promise.all(write.outputs.map(packOutput));
      const known = heads.get(write.turnId);
      const { head, ...appended } = await database.write(
        (tx) => appendToTurn(tx, write, outputs, known),
        write.isPatient,
      );
      remember(head);
      return appended;
    },
    async get(id) {
      const row = await database.read((db) =>
        db.selectFrom('turns').selectAll().where('id', '=', id).executeTakeFirst(),
      );
      return row && toTurn(row);
    },
    async list({ session, status, limit }) {
      const open = status !== undefined && !isTerminal(status);
      const rows = await database.read((db) =>
        db
          .selectFrom('turns')
          .selectAll()
          .$if(session !== undefined, (query) => query.where('session', '=', session ?? ''))
          .$if(status !== undefined, (query) => query.where('status', '=', status ?? 'queued'))
          // Said in these words it uses the index of open turns, however many have ended.
          .$if(open, (query) => query.where(sql<SqlBool>`ended_at is null`))
          .orderBy(open ? sql`ordinal + 0` : 'ordinal', 'desc')
          .limit(limit)
          .execute(),
      );
      return rows.map(toTurn);
    },
    async byMessage(where, messageId) {
      const row = await database.read((db) =>
        db
          .selectFrom('turns')
          .selectAll()
          .where('channel', '=', where.channel)
          .where('account', '=', where.account)
          .where('conversation', '=', where.conversation)
          .where('message_id', '=', messageId)
          .executeTakeFirst(),
      );
      return row && toTurn(row);
    },
    edit: (id, text, now) => database.write((tx) => editQueued(tx, id, text, now)),
    cancel: (options) => database.write((tx) => cancelTurn(tx, options)),
  };
}
