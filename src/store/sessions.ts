/** Sessions and what was said in them. */
import { type SqlBool, sql } from 'kysely';
import type { SessionKey } from '../domain/session.ts';
import type { SessionStore } from '../domain/session-store.ts';
import type { Database } from './database.ts';
import { searchHistory } from './history-search.ts';
import { createHistoryWindows } from './history-window.ts';
import { prepared } from './prepared.ts';
import { toSession, toTurn } from './rows.ts';
import { eventsOf } from './turn-log.ts';

export function createSessions(database: Database): SessionStore {
  const openTurns = (key: SessionKey) =>
    database.read((db) =>
      db
        .selectFrom('turns')
        .selectAll()
        // In two steps, the first of which reads the open ones alone.
        .where('ordinal', 'in', (query) =>
          query
            .selectFrom('turns')
            .select('ordinal')
            .where('session', '=', key)
            .where('ended_at', 'is', null),
        )
        .orderBy('ordinal')
        .execute(),
    );
  return {
    async get(key) {
      const {
        rows: [row],
      } = await database.read((db) => sessionByKey(db, { key }));
      return row && toSession(row);
    },
    reset: (key) =>
      database.write(async (tx) => {
        await tx.db
          .updateTable('sessions')
          .set((of) => ({
            history_after: of.fn.coalesce(
              of
                .selectFrom('turns')
                .select((turn) => turn.fn.max<number>('ordinal').as('newest'))
                .where('session', '=', key),
              of.val(0),
            ),
          }))
          .where('key', '=', key)
          .execute();
      }),
    ...createHistoryWindows(database),
    async readOutside(key, upTo) {
      const { rows } = await database.read((db) => outsideRead(db, { key, upTo }));
      return rows.length > 0;
    },
    search: (key, options) => searchHistory(database, key, options),
    async active(key) {
      const row = await database.read((db) =>
        db
          .selectFrom('turns')
          .selectAll()
          .where('session', '=', key)
          .where('status', 'in', sql<'running'>`('running', 'waiting')`)
          .executeTakeFirst(),
      );
      if (row === undefined) return undefined;
      // Up to the head the row tells: together they are one moment, though they are two reads.
      const events = await database.read((db) => eventsOf(db, row.id, { after: 0, upTo: row.seq }));
      return { turn: toTurn(row), events };
    },
    pending: async (key) => (await openTurns(key)).map(toTurn),
  };
}

const sessionByKey = prepared((db, of: { key: string }) =>
  db.selectFrom('sessions').selectAll().where('key', '=', of.key),
);

/** No window of a history is longer, and nobody waits for the answer. */
const TURNS_LOOKED_AT = 300;

const outsideRead = prepared((db, { key, upTo }: { key: SessionKey; upTo: number }) =>
  db
    .selectFrom('events')
    .select('seq')
    .where('turn_id', 'in', (query) =>
      query
        .selectFrom('turns')
        .select('id')
        .where('session', '=', key)
        .where(sql<SqlBool>`ordinal > coalesce((select history_after from sessions where key = ${key}), 0)`)
        .where('ordinal', '<', upTo)
        .orderBy('ordinal', 'desc')
        .limit(TURNS_LOOKED_AT),
    )
    // In a string of the JSON the quotes would be escaped.
    .where('body', 'like', sql<string>`'%"untrusted":true%'`)
    .limit(1),
);
