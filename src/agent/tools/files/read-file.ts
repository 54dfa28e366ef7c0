/** `read_file`: the lines of a text file in the workspace. */
import { z } from 'zod';
import { defineTool } from '../tool.ts';
import { assessReading, FILE_TIMEOUT_MS, orRefuse } from './file-tool.ts';
import { pathSegments } from './location.ts';
import { readText } from './text.ts';

/** A long source file; more is read by asking again. */
const DEFAULT_LINES = 2_000;

const input = z.strictObject({
  path: z.string().min(1).describe('Relative to the workspace.'),
  offset: z.int().min(1).default(1).describe('The first line to return, counted from 1.'),
  limit: z.int().min(1).max(100_000).default(DEFAULT_LINES).describe('How many lines to return.'),
});

export const readFile = defineTool({
  name: 'read_file',
  description: 'Reads a UTF-8 text file in the workspace, whole or some of its lines.',
  input,
  effect: 'read',
  risks: ['low', 'medium'],
  timeoutMs: FILE_TIMEOUT_MS,
  assess: async ({ path }, { workspace }) =>
    assessReading(workspace, path, { question: 'Read this file?', title: `Read ${path}` }),
  run: ({ path, offset, limit }, { workspace }) =>
    orRefuse(async () => {
      const text = await readText(workspace, pathSegments(path, workspace));
      const lines = text.split(/(?<=\n)/);
      const chosen = lines.slice(offset - 1, offset - 1 + limit);
      const last = offset - 1 + chosen.length;
      const cut = chosen.length > 0 && last < lines.length;
      const note = cut
        ? `\n[lines ${offset} to ${last} of ${lines.length}; continue with offset ${last + 1}]`
        : '';
      if (chosen.length === 0) {
        const output = `${path} has ${lines.length} lines; line ${offset} is behind its end.`;
        return { ok: false, output, metadata: { path, lines: lines.length } };
      }
      return { ok: true, output: `${chosen.join('')}${note}`, metadata: { path, lines: lines.length } };
    }),
});
