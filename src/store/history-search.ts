/**
 * Words in what was said in one session, before and after compaction. Read by the session's own index and looked
 * through here: a session is small beside an index over everybody's words, which every message would pay for.
 */
import { setImmediate } from 'node:timers/promises';
import { type SqlBool, sql } from 'kysely';
import { plain, queryWords } from '../domain/grams.ts';
import type { SessionKey } from '../domain/session.ts';
import type { HistoryEntry } from '../domain/session-store.ts';
import type { Database, Db } from './database.ts';
import { prepared } from './prepared.ts';
import { toHistoryEntry } from './rows.ts';

/** Turns read at once: a few milliseconds, in which nothing else waits. */
const PAGE = 200;
/** The newest ones that are looked through. */
const MAX_TURNS = 20_000;

type Range = { key: SessionKey; limit: number; from: number; upTo: number };

/** Ended turns of a session after its reset point, newest first; both ends of the range count. */
const turnsWithin = prepared((db, { key, limit, from, upTo }: Range) =>
  db
    .selectFrom('turns')
    .select(['id', 'ordinal', 'status', 'input', 'answer'])
    .where('session', '=', key)
    .where(sql<SqlBool>`ordinal > coalesce((select history_after from sessions where key = ${key}), 0)`)
    .where('ended_at', 'is not', null)
    .where('ordinal', '>=', from)
    .where('ordinal', '<=', upTo)
    .orderBy('ordinal', 'desc')
    .limit(limit),
);

export async function endedTurns(
  db: Db,
  key: SessionKey,
  limit: number,
  { from = 0, upTo = Number.MAX_SAFE_INTEGER }: { from?: number | undefined; upTo?: number | undefined },
) {
  return (await turnsWithin(db, { key, limit, from, upTo })).rows;
}

/** The turns that hold most of the words, newer ones first among equals. */
export async function searchHistory(
  database: Database,
  key: SessionKey,
  { text, limit }: { text: string; limit: number },
): Promise<HistoryEntry[]> {
  const words = queryWords(text);
  const found: { entry: HistoryEntry; hits: number }[] = [];
  let upTo: number | undefined;
  for (let read = 0; words.length > 0 && read < MAX_TURNS; read += PAGE) {
    const rows = await database.read((db) => endedTurns(db, key, PAGE, { upTo }));
    for (const row of rows) {
      const entry = toHistoryEntry(row);
      const said = plain(`${entry.input.text} ${entry.answer ?? ''}`);
      const hits = words.filter((word) => said.includes(word)).length;
      if (hits > 0) found.push({ entry, hits });
    }
    const oldest = rows.at(-1);
    if (oldest === undefined || rows.length < PAGE) break;
    upTo = oldest.ordinal - 1;
    await setImmediate();
  }
  return found
    .sort((a, b) => b.hits - a.hits || b.entry.ordinal - a.entry.ordinal)
    .slice(0, limit)
    .map(({ entry }) => entry);
}
