/**
 * The newest turns of the sessions that talk, kept from one message to the next. What has ended never changes, so only
 * what has ended since is read, and what is worked out from an entry can be kept with it.
 */
import type { SessionKey } from '../domain/session.ts';
import type { Compaction, HistoryEntry, SessionStore } from '../domain/session-store.ts';
import type { Database } from './database.ts';
import { endedTurns } from './history-search.ts';
import { prepared } from './prepared.ts';
import { toHistoryEntry } from './rows.ts';

/** Every ended turn of a session with an ordinal from `from` to that of the last entry. */
type Window = { readonly from: number; readonly entries: readonly Kept[] };
type Kept = { readonly entry: HistoryEntry; readonly size: number };
type Range = { readonly limit: number; readonly from: number; readonly upTo: number };

/** Of the stored text of all entries together, in characters. */
const MOST_KEPT = 16 * 1024 * 1024;
/** What an entry takes beside its text. */
const SIZE_OF_ENTRY = 500;

export function createHistoryWindows(database: Database): Pick<SessionStore, 'past'> {
  /** The one that was used last comes last. */
  const windows = new Map<SessionKey, Window>();
  let kept = 0;

  function forget(key: SessionKey): void {
    for (const { size } of windows.get(key)?.entries ?? []) kept -= size;
    windows.delete(key);
  }

  function keep(key: SessionKey, window: Window): void {
    forget(key);
    if (window.entries.length === 0) return;
    windows.set(key, window);
    for (const { size } of window.entries) kept += size;
    for (const oldest of windows.keys()) {
      if (kept <= MOST_KEPT) break;
      forget(oldest);
    }
  }

  /**
   * A window that holds the latest `limit` of the range, perhaps among others.
   * @param known as it was at the look: others may have kept another window meanwhile
   * @param since all that has ended after the known window; undefined when that may not be all
   */
  async function windowOver(
    key: SessionKey,
    range: Range,
    known: Window | undefined,
    since: Kept[] | undefined,
  ): Promise<Window> {
    if (known !== undefined && since !== undefined) {
      const entries = [...known.entries, ...since];
      const isEnough = known.from <= range.from || within(entries, range).length >= range.limit;
      if (isEnough) return { from: known.from, entries };
    }
    const rows = await database.read((db) => endedTurns(db, key, range.limit, range));
    const entries = rows.reverse().map(toKept);
    return { from: entries.length < range.limit ? range.from : firstOf(entries), entries };
  }

  return {
    async past(key, { turns, from = 0, upTo = Number.MAX_SAFE_INTEGER, keptFrom }) {
      const known = windows.get(key);
      const last = known?.entries.at(-1)?.entry.ordinal;
      const since = last === undefined ? Number.MAX_SAFE_INTEGER : last + 1;
      const { rows } = await database.read((db) =>
        look(db, { key, since, upTo, most: turns + 1, ...(keptFrom != null && { keptFrom }) }),
      );
      const [edges] = rows;
      const after = edges?.after ?? 0;
      const compaction = keptFrom === null ? undefined : toCompaction(edges, after);
      if (turns === 0) return { compaction, entries: [] };
      const limit = compaction === undefined ? turns : turns * 2;
      const range = { limit, from: Math.max(from, after + 1, compaction?.keptFrom ?? 0), upTo };
      const fresh = rows.length <= turns && last !== undefined ? rows.flatMap(toNewKept) : undefined;
      const window = await windowOver(key, range, known, fresh);
      // What ended behind one that is still open, or after the look at the edges, may have gaps before it.
      const settled = Math.min(edges?.newest ?? 0, (edges?.open ?? Number.POSITIVE_INFINITY) - 1);
      const all = window.entries.filter(({ entry }) => entry.ordinal <= settled);
      const entries = all.slice(-limit);
      keep(key, { from: entries.length < all.length ? firstOf(entries) : window.from, entries });
      return { compaction, entries: within(window.entries, range).slice(-limit) };
    },
  };
}

const firstOf = (entries: readonly Kept[]): number => entries[0]?.entry.ordinal ?? 0;

const within = (entries: readonly Kept[], { from, upTo }: Range): HistoryEntry[] =>
  entries.map(({ entry }) => entry).filter(({ ordinal }) => ordinal >= from && ordinal <= upTo);

const toKept = (row: Parameters<typeof toHistoryEntry>[0]): Kept => ({
  entry: toHistoryEntry(row),
  size: row.input.length + (row.answer?.length ?? 0) + SIZE_OF_ENTRY,
});

type Looked = Awaited<ReturnType<typeof look>>['rows'][number];

/** None where the outer join found none. */
const toNewKept = ({ id, ordinal, status, input, answer }: Looked): Kept[] =>
  id === null || ordinal === null || status === null || input === null
    ? []
    : [toKept({ id, ordinal, status, input, answer })];

const toCompaction = (row: Looked | undefined, after: number): Compaction | undefined =>
  row?.kept_from == null || row.summary === null || row.kept_from <= after
    ? undefined
    : { keptFrom: row.kept_from, ...JSON.parse(row.summary) };

type Look = { key: SessionKey; since: number; upTo: number; most: number; keptFrom?: number };

/**
 * All at one moment. Ordinals: of the reset point, of the oldest turn that is open, of the newest turn; the summary; and
 * beside them, one a row and oldest first, up to `most` turns that have ended since. Without any there
 * is one row.
 */
const look = prepared((db, of: Look) =>
  db
    .selectFrom('sessions')
    .where('sessions.key', '=', of.key)
    .leftJoin('turns', (join) =>
      join
        .onRef('turns.session', '=', 'sessions.key')
        .on((on) => on('turns.ended_at', 'is not', null))
        .on((on) => on('turns.ordinal', '>=', of.since))
        .on((on) => on('turns.ordinal', '<=', of.upTo)),
    )
    .select((query) => {
      const summary = query
        .selectFrom('compactions')
        .where('session', '=', of.key)
        .$if(of.keptFrom !== undefined, (one) => one.where('kept_from', '=', of.keptFrom ?? 0))
        .orderBy('ordinal', 'desc')
        .limit(1);
      return [
        ...(['turns.id', 'turns.ordinal', 'turns.status', 'turns.input', 'turns.answer'] as const),
        'sessions.history_after as after',
        query
          .selectFrom('turns')
          .select((turn) => turn.fn.min<number>('ordinal').as('open'))
          .where('session', '=', of.key)
          .where('ended_at', 'is', null)
          .as('open'),
        query
          .selectFrom('turns')
          .select((turn) => turn.fn.max<number>('ordinal').as('newest'))
          .where('session', '=', of.key)
          .as('newest'),
        summary.select('kept_from').as('kept_from'),
        summary.select('summary').as('summary'),
      ];
    })
    .orderBy('turns.ordinal')
    .limit(of.most),
);
