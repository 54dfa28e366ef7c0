/** Reads a file of the workspace as text, or says in words why it is not one. */
import { openFile, PathRefused } from './location.ts';

/** What the file tools load at once; larger files are for the shell (`head`, `tail`, `grep`). */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Throws PathRefused. */
export async function readText(
  workspace: string,
  segments: readonly string[],
  maxBytes: number = MAX_FILE_BYTES,
): Promise<string> {
  const handle = await openFile(workspace, segments);
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) {
      const limit = Math.round(maxBytes / 1024 / 1024);
      throw new PathRefused(
        `"${segments.join('/')}" has ${size} bytes; the limit here is ${limit} MiB. Use head, tail or grep.`,
      );
    }
    // One byte more than allowed shows a file that grew meanwhile.
    const buffer = Buffer.alloc(size + 1);
    let bytes = 0;
    for (let read = -1; read !== 0 && bytes < buffer.length; bytes += read) {
      ({ bytesRead: read } = await handle.read(buffer, bytes, buffer.length - bytes, bytes));
    }
    const content = buffer.subarray(0, Math.min(bytes, size));
    if (content.includes(0)) throw new PathRefused(`"${segments.join('/')}" is a binary file, not text.`);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
    } catch {
      throw new PathRefused(`"${segments.join('/')}" is not UTF-8 text.`);
    }
  } finally {
    await handle.close();
  }
}
