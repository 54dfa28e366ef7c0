/** `search_files`: lines that hold a text. Literal on purpose: a pattern of the model could run for ever (A45). */
import { z } from 'zod';
import { matchesGlob } from '../../glob.ts';
import { looksSecret } from '../secret-paths.ts';
import { defineTool, type ToolContext, type ToolResult } from '../tool.ts';
import { assessReading, FILE_TIMEOUT_MS, orRefuse } from './file-tool.ts';
import { PathRefused, pathSegments } from './location.ts';
import { readText } from './text.ts';
import { walk } from './walk.ts';

const MAX_MATCHES = 200;
/** Files opened for one search. */
const MAX_FILES = 20_000;
/** Larger files are data, not something to read lines of. */
const MAX_SEARCHED_BYTES = 2 * 1024 * 1024;
/** Folders deep; far more than any tree written by hand. */
const MAX_DEPTH = 40;
/** Shown of a line, around the match. */
const EXCERPT_CHARACTERS = 300;

const input = z.strictObject({
  text: z.string().min(1).max(1_000).describe('The text to find, literally, within one line.'),
  path: z.string().default('.').describe('The folder to search, relative to the workspace.'),
  files: z
    .string()
    .max(200)
    .optional()
    .describe('Only files whose name matches this pattern, with * and ?: "*.ts".'),
  ignore_case: z.boolean().default(false),
});

type Input = z.output<typeof input>;

function excerpt(line: string, at: number): string {
  const start = Math.max(0, at - EXCERPT_CHARACTERS / 3);
  const part = line.slice(start, start + EXCERPT_CHARACTERS).toWellFormed();
  return `${start > 0 ? '…' : ''}${part}${start + EXCERPT_CHARACTERS < line.length ? '…' : ''}`;
}

/** A file that cannot be read as text holds no match. */
async function textOf(workspace: string, segments: readonly string[]): Promise<string | null> {
  try {
    return await readText(workspace, segments, MAX_SEARCHED_BYTES);
  } catch (error) {
    if (error instanceof PathRefused) return null;
    throw error;
  }
}

async function search(wanted: Input, { workspace, signal }: ToolContext): Promise<ToolResult> {
  const fold = (text: string): string => (wanted.ignore_case ? text.toLowerCase() : text);
  const needle = fold(wanted.text);
  const found: string[] = [];
  let files = 0;
  let secret = 0;
  let note = '';
  for await (const entry of walk(workspace, pathSegments(wanted.path, workspace), MAX_DEPTH, signal)) {
    const name = entry.segments.at(-1) ?? '';
    if (entry.kind !== 'file' || (wanted.files !== undefined && !matchesGlob(wanted.files, name))) continue;
    const path = entry.segments.join('/');
    if (looksSecret(path)) {
      secret += 1;
      continue;
    }
    if (files >= MAX_FILES) {
      note = `[stopped after ${MAX_FILES} files; search a subfolder]`;
      break;
    }
    files += 1;
    const text = await textOf(workspace, entry.segments);
    if (text === null || !fold(text).includes(needle)) continue;
    for (const [index, line] of text.split('\n').entries()) {
      const at = fold(line).indexOf(needle);
      if (at >= 0) found.push(`${path}:${index + 1}: ${excerpt(line, at)}`);
      if (found.length >= MAX_MATCHES) break;
    }
    if (found.length >= MAX_MATCHES) {
      note = `[stopped after ${MAX_MATCHES} matches; be more specific]`;
      break;
    }
  }
  const skipped = secret === 0 ? '' : `[${secret} files that may hold secrets were not searched]`;
  const lines = [...(found.length === 0 ? [`No line holds "${wanted.text}".`] : found), note, skipped];
  return {
    ok: true,
    output: lines.filter((line) => line !== '').join('\n'),
    metadata: { matches: found.length, files },
  };
}

export const searchFiles = defineTool({
  name: 'search_files',
  description: 'Finds lines that hold a text in the files of the workspace. Returns path:line: text.',
  input,
  effect: 'read',
  risks: ['low', 'medium'],
  timeoutMs: FILE_TIMEOUT_MS,
  assess: async ({ path, text }, { workspace }) =>
    assessReading(workspace, path, {
      question: 'Search these files?',
      title: `Searched for "${text.slice(0, 60)}"`,
    }),
  run: (args, context) => orRefuse(() => search(args, context)),
});
