/** What was said before, as a prompt holds it: a summary of the older part, the newer turns in full. */
import type { SessionKey } from '../domain/session.ts';
import type { HistoryEntry, SessionStore } from '../store/store.ts';
import { memoize } from './memoize.ts';

export type Past = {
  readonly summary: string | null;
  /** Where the summary ends. */
  readonly keptFrom: number | null;
  /** The summary was made of quotes or files, among others. */
  readonly untrusted: boolean;
  /** Oldest first, without what was cancelled. */
  readonly history: readonly HistoryEntry[];
};

export type PastOptions = {
  /** Of the newest ones, how many; where there is a summary twice as many, as what falls out must join it. */
  readonly turns: number;
  readonly from?: number;
  readonly upTo?: number;
  /** Of the summary to take; null: none; absent: the latest. */
  readonly keptFrom?: number | null;
};

export async function readPast(
  sessions: Pick<SessionStore, 'history' | 'compaction'>,
  session: SessionKey,
  { turns, from, upTo, keptFrom }: PastOptions,
): Promise<Past> {
  const compaction = keptFrom === null ? undefined : await sessions.compaction(session, keptFrom);
  const start = Math.max(from ?? 0, compaction?.keptFrom ?? 0);
  const entries = await sessions.history(session, {
    limit: compaction === undefined ? turns : turns * 2,
    ...(start === 0 ? {} : { from: start }),
    ...(upTo === undefined ? {} : { upTo }),
  });
  return {
    summary: compaction?.summary ?? null,
    keptFrom: compaction?.keptFrom ?? null,
    untrusted: compaction?.untrusted ?? false,
    history: entries.filter((entry) => entry.status !== 'cancelled'),
  };
}

/** About four characters a token where words are spelled in Latin letters, about one where each says a word. */
export function estimateTokens(text: string): number {
  let wide = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    // Of a pair of surrogates only the first counts.
    if (code >= 0x250 && (code < 0xdc00 || code > 0xdfff)) wide += 1;
  }
  return Math.ceil((text.length - wide) / 4) + wide;
}

export const tokensOf = memoize(({ input, answer }: HistoryEntry): number => {
  const files = input.attachments.reduce((sum, file) => sum + estimateTokens(file.text ?? ''), 0);
  const quotes = (input.quoted ?? []).reduce((sum, quote) => sum + estimateTokens(quote.text), 0);
  return estimateTokens(input.text) + estimateTokens(answer ?? '') + files + quotes;
});

/** The latest entries that fit. */
export function latestWithin(history: readonly HistoryEntry[], tokens: number): readonly HistoryEntry[] {
  let left = tokens;
  const last = history.findLastIndex((entry) => {
    left -= tokensOf(entry);
    return left < 0;
  });
  return history.slice(last + 1);
}
