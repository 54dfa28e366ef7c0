/**
 * The newest turns of the sessions that talk, kept from one message to the next. What has ended never changes, so only
 * what has ended since is read, and what is worked out from an entry can be kept with it.
 */
import type { SessionKey } from '../domain/session.ts';
import type { Database } from './database.ts';
import { endedTurns } from './history-search.ts';
import { prepared } from './prepared.ts';
import { toHistoryEntry } from './rows.ts';
import type { HistoryEntry, SessionStore } from './store.ts';

/** Every ended turn of a session with an ordinal from `from` to that of the last entry. */
type Window = { readonly from: number; readonly entries: readonly Kept[] };
type Kept = { readonly entry: HistoryEntry; readonly size: number };
type Range = { readonly limit: number; readonly from: number; readonly upTo: number };

/** Of the stored text of all entries together, in characters. */
const MOST_KEPT = 16 * 1024 * 1024;
/** What an entry takes beside its text. */
const SIZE_OF_ENTRY = 500;

export function createHistoryWindows(database: Database): Pick<SessionStore, 'history'> {
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

  async function read(key: SessionKey, range: Range): Promise<Kept[]> {
    const rows = await database.read((db) => endedTurns(db, key, range.limit, range));
    return rows.reverse().map((row) => ({
      entry: toHistoryEntry(row),
      size: row.input.length + (row.answer?.length ?? 0) + SIZE_OF_ENTRY,
    }));
  }

  /** A window that holds the latest `limit` of the range, perhaps among others. */
  async function windowOver(key: SessionKey, range: Range): Promise<Window> {
    const known = windows.get(key);
    const last = known?.entries.at(-1)?.entry.ordinal;
    if (known !== undefined && last !== undefined) {
      const since = last < range.upTo ? await read(key, { ...range, from: last + 1 }) : [];
      const entries = [...known.entries, ...since];
      const isEnough = known.from <= range.from || within(entries, range).length >= range.limit;
      if (since.length < range.limit && isEnough) return { from: known.from, entries };
    }
    const entries = await read(key, range);
    return { from: entries.length < range.limit ? range.from : firstOf(entries), entries };
  }

  return {
    async history(key, { limit, from = 0, upTo = Number.MAX_SAFE_INTEGER }) {
      if (limit === 0) return [];
      const {
        rows: [edges],
      } = await database.read((db) => edgesOf(db, { key }));
      const range = { limit, from: Math.max(from, (edges?.after ?? 0) + 1), upTo };
      const window = await windowOver(key, range);
      // What ended behind one that is still open, or after the look at the edges, may have gaps before it.
      const settled = Math.min(edges?.newest ?? 0, (edges?.open ?? Number.POSITIVE_INFINITY) - 1);
      const all = window.entries.filter(({ entry }) => entry.ordinal <= settled);
      const entries = all.slice(-limit);
      keep(key, { from: entries.length < all.length ? firstOf(entries) : window.from, entries });
      return within(window.entries, range).slice(-limit);
    },
  };
}

const firstOf = (entries: readonly Kept[]): number => entries[0]?.entry.ordinal ?? 0;

const within = (entries: readonly Kept[], { from, upTo }: Range): HistoryEntry[] =>
  entries.map(({ entry }) => entry).filter(({ ordinal }) => ordinal >= from && ordinal <= upTo);

/** Ordinals: of the reset point, of the oldest turn that is open, of the newest turn. */
const edgesOf = prepared((db, of: { key: SessionKey }) =>
  db.selectNoFrom((query) => [
    query.selectFrom('sessions').select('history_after').where('key', '=', of.key).as('after'),
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
  ]),
);
