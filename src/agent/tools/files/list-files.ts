/** `list_files`: names in the workspace, some levels deep. */
import { z } from 'zod';
import { defineTool } from '../tool.ts';
import { assessReading, FILE_TIMEOUT_MS, orRefuse } from './file-tool.ts';
import { pathSegments } from './location.ts';
import { skippedFolders, walk } from './walk.ts';

/** More names than that help nobody; the model lists a subfolder instead. */
const MAX_ENTRIES = 1_000;

const input = z.strictObject({
  path: z.string().default('.').describe('The folder, relative to the workspace.'),
  depth: z.int().min(1).max(10).default(2).describe('Levels of folders to list; 1 is the folder itself.'),
});

const marks = { file: '', folder: '/', link: ' (link, not followed)', other: ' (not a regular file)' };

export const listFiles = defineTool({
  name: 'list_files',
  description: 'Lists files and folders of the workspace. Folders end with "/".',
  input,
  effect: 'read',
  risks: ['low', 'medium'],
  timeoutMs: FILE_TIMEOUT_MS,
  assess: async ({ path }, { workspace }) =>
    assessReading(workspace, path, { question: 'List this folder?', title: `Listed ${path}` }),
  run: ({ path, depth }, { workspace, signal }) =>
    orRefuse(async () => {
      const lines: string[] = [];
      let cut = false;
      for await (const entry of walk(workspace, pathSegments(path, workspace), depth, signal)) {
        if (lines.length >= MAX_ENTRIES) {
          cut = true;
          break;
        }
        const name = entry.segments.at(-1) ?? '';
        const skipped = entry.kind === 'folder' && skippedFolders.has(name) ? ' (not listed)' : '';
        lines.push(`${entry.segments.join('/')}${marks[entry.kind]}${skipped}`);
      }
      const entries = lines.length;
      if (cut) lines.push(`[more than ${MAX_ENTRIES} entries; list a subfolder]`);
      return { ok: true, output: lines.join('\n') || '[empty]', metadata: { path, entries } };
    }),
});
