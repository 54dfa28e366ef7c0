/** Finds what was said earlier in this conversation, also what the prompt no longer holds. */
import { z } from 'zod';
import type { HistoryEntry } from '../../../domain/session-store.ts';
import { defineTool } from '../tool.ts';
import { lookup } from './lookup.ts';

/** Of one message and of one answer, around the words that were found. */
const EXCERPT = 400;

const input = z.strictObject({
  query: z.string().min(1).max(500).describe('Words of what was said, in any language.'),
  limit: z.int().min(1).max(50).default(10).describe('Most exchanges to return.'),
});

export const searchHistory = defineTool({
  name: 'search_history',
  description:
    'Searches the earlier messages and answers of this conversation, also those that were summarized or are too old for your prompt.',
  input,
  effect: 'read',
  risks: ['low'],
  timeoutMs: 10_000,
  assess: async ({ query }) =>
    lookup('Search this conversation?', query, `Searched the history for "${query}"`),
  run: async ({ query, limit }, { memory }) => {
    const found = await memory.searchHistory(query, limit);
    const output =
      found.length === 0
        ? 'Nothing that was said here holds these words.'
        : found.map((entry) => exchange(entry, query)).join('\n\n');
    return { ok: true, output, metadata: { exchanges: found.length } };
  },
});

function exchange({ input: { at, author, text }, answer }: HistoryEntry, query: string): string {
  const time = new Date(at).toISOString().slice(0, 16).replace('T', ' ');
  const lines = [`[${time}] ${author.name}: ${excerpt(text, query)}`];
  if (answer !== null && answer !== '') lines.push(`answer: ${excerpt(answer, query)}`);
  return lines.join('\n');
}

function excerpt(text: string, query: string): string {
  if (text.length <= EXCERPT) return text;
  const words = query.toLowerCase().split(/\s+/);
  const places = words.map((word) => text.toLowerCase().indexOf(word)).filter((at) => at >= 0);
  const start = places.length === 0 ? 0 : Math.max(0, Math.min(...places) - EXCERPT / 2);
  const end = Math.min(text.length, start + EXCERPT);
  return `${start > 0 ? '…' : ''}${text.slice(start, end).toWellFormed()}${end < text.length ? '…' : ''}`;
}
