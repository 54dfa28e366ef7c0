/** What was said before, as a prompt holds it: a summary of the older part, the newer turns in full. */
import type { SessionKey } from '../domain/session.ts';
import type { HistoryEntry, PastRange, SessionStore } from '../domain/session-store.ts';
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

export async function readPast(
  sessions: Pick<SessionStore, 'past'>,
  session: SessionKey,
  range: PastRange,
): Promise<Past> {
  const { compaction, entries } = await sessions.past(session, range);
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
