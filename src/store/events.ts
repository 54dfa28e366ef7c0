/** Reading the logs: of one turn, and of all for the audit. */
import type { Database } from './database.ts';
import { toEvent } from './rows.ts';
import type { EventStore } from './store.ts';
import { eventsOf } from './turn-log.ts';

export function createEvents(database: Database): EventStore {
  return {
    list: (turnId, afterSeq = 0) => database.read((db) => eventsOf(db, turnId, { after: afterSeq })),
    async export({ since, after, limit }) {
      const rows = await database.read((db) =>
        db
          .selectFrom('turns')
          .innerJoin('events', 'events.turn_id', 'turns.id')
          .selectAll('events')
          .select(['turns.ordinal', 'turns.session', 'turns.status'])
          .$if(since !== undefined, (query) => query.where('events.at', '>=', since ?? 0))
          .$if(after !== undefined, (query) =>
            query
              .where('turns.ordinal', '>=', after?.ordinal ?? 0)
              .where((of) =>
                of.or([
                  of('turns.ordinal', '>', after?.ordinal ?? 0),
                  of('events.seq', '>', after?.seq ?? 0),
                ]),
              ),
          )
          .orderBy('turns.ordinal')
          .orderBy('events.seq')
          .limit(limit)
          .execute(),
      );
      return rows.map((row) => ({
        event: toEvent(row),
        bodyJson: row.body,
        prevHash: row.prev_hash,
        hash: row.hash,
        ordinal: row.ordinal,
        session: row.session,
        status: row.status,
      }));
    },
  };
}
