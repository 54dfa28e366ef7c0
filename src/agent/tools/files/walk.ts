/** Walks the folders of the workspace in a fixed order, never through links, and not without end. */
import { opendir } from 'node:fs/promises';
import { openFolder, refusal } from './location.ts';

export type Entry = {
  readonly segments: readonly string[];
  readonly kind: 'file' | 'folder' | 'link' | 'other';
};

/** Full of files nobody asks about; named in a listing, not entered. */
export const skippedFolders = new Set(['.git', 'node_modules', '.venv', '__pycache__']);

/** Names read from one folder: a folder of millions must not fill the memory. */
const MAX_NAMES = 10_000;

async function children(workspace: string, segments: readonly string[]): Promise<Entry[]> {
  const folder = await openFolder(workspace, segments);
  try {
    const entries: Entry[] = [];
    for await (const found of await opendir(folder.child('.'))) {
      const kind = found.isFile()
        ? 'file'
        : found.isDirectory()
          ? 'folder'
          : found.isSymbolicLink()
            ? 'link'
            : 'other';
      entries.push({ segments: [...segments, found.name], kind });
      if (entries.length >= MAX_NAMES) break;
    }
    return entries.sort((a, b) => ((a.segments.at(-1) ?? '') < (b.segments.at(-1) ?? '') ? -1 : 1));
  } catch (error) {
    throw refusal(error, segments.join('/') || '.');
  } finally {
    await folder.close();
  }
}

/**
 * Entries below a folder, each folder before what it holds. A folder that cannot be read is passed over,
 * except the first, which throws PathRefused. @param depth 1: only what lies directly in it
 */
export async function* walk(
  workspace: string,
  segments: readonly string[],
  depth: number,
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  const open: { entries: Entry[]; depth: number }[] = [
    { entries: await children(workspace, segments), depth },
  ];
  for (let top = open.at(-1); top !== undefined && !signal.aborted; top = open.at(-1)) {
    const entry = top.entries.shift();
    if (entry === undefined) {
      open.pop();
      continue;
    }
    yield entry;
    const name = entry.segments.at(-1) ?? '';
    if (entry.kind === 'folder' && top.depth > 1 && !skippedFolders.has(name)) {
      open.push({ entries: await children(workspace, entry.segments).catch(() => []), depth: top.depth - 1 });
    }
  }
}
