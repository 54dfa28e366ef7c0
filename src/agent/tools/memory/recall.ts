/** Looks something up in memory, beyond what the message called to mind by itself. */
import { z } from 'zod';
import { memoryLines } from '../../context.ts';
import { defineTool } from '../tool.ts';
import { lookup } from './lookup.ts';

const input = z.strictObject({
  query: z.string().min(1).max(500).describe('Words of what to look for, in any language.'),
  limit: z.int().min(1).max(50).default(10).describe('Most entries to return.'),
});

export const recall = defineTool({
  name: 'recall',
  description:
    'Searches what is remembered for the person and the place of this conversation. The most fitting entries are in your instructions already; use it for more.',
  input,
  effect: 'read',
  risks: ['low'],
  timeoutMs: 10_000,
  assess: async ({ query }) => lookup('Search the memory?', query, `Looked in memory for "${query}"`),
  run: async ({ query, limit }, { memory }) => {
    const found = await memory.recall(query, limit);
    const output = found.length === 0 ? 'Nothing of the kind is remembered.' : memoryLines(found).join('\n');
    // It was said by people on the list, outside of turns that had read anything else.
    return { ok: true, output, metadata: { entries: found.length }, ownWords: true };
  },
});
