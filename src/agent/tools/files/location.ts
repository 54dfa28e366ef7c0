/**
 * From the path a model wrote to a place inside the workspace. Folders are opened one after the other, each
 * without following links, so that nothing can be swapped underneath between the check and the use (A22, A23).
 */
import { constants, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';

/** Longer paths than any file system takes. */
const MAX_PATH_CHARACTERS = 4096;

/** A reason, in words for the model, why a path is not to be used. */
export class PathRefused extends Error {}

/** The segments under the workspace; empty for the workspace itself. Throws PathRefused. */
export function pathSegments(path: string, workspace: string): string[] {
  if (path.includes('\0')) throw new PathRefused('A path must not hold a NUL character.');
  if (path.length > MAX_PATH_CHARACTERS) throw new PathRefused('The path is too long.');
  const within = path === workspace || path.startsWith(`${workspace}/`);
  const relative = within ? path.slice(workspace.length + 1) : path;
  if (relative.startsWith('/') || relative.startsWith('~')) {
    throw new PathRefused(`"${path}" is outside the workspace. Use a path relative to the workspace.`);
  }
  const segments = relative.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw new PathRefused(`"${path}" must not contain "..".`);
  return segments;
}

/** Some file systems see no difference of case, width or invisible characters, or know a short name. */
const folded = (segment: string): string =>
  segment
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toLowerCase();

/** Git's own files decide what git runs; only git may write them (A21). */
export const isGitInternal = (segments: readonly string[]): boolean =>
  segments.some((segment) => /^(\.git|git~\d+)[. ]*$/.test(folded(segment)));

export type Folder = {
  /** Where `name` in this folder is found, also after the folder itself was moved or replaced. */
  child(name: string): string;
  sync(): Promise<void>;
  close(): Promise<void>;
};

/** Linux reaches the children of an open folder through its descriptor; elsewhere by its path. */
const byDescriptor = existsSync('/proc/self/fd');

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown';

/** Turns the errors of a file system into words. */
export function refusal(error: unknown, path: string): PathRefused {
  const words: Record<string, string> = {
    ENOENT: 'does not exist',
    ENOTDIR: 'is not a folder, or is a link; links are not followed',
    ELOOP: 'is a link; links are not followed',
    EISDIR: 'is a folder',
    EACCES: 'may not be opened by this process',
    EPERM: 'may not be changed by this process',
    ENAMETOOLONG: 'is too long a name',
    ENOSPC: 'cannot be written: the disk is full',
    EROFS: 'cannot be written: the file system is read-only',
    ENXIO: 'is not a regular file',
  };
  if (error instanceof PathRefused) return error;
  const code = codeOf(error);
  return new PathRefused(`"${path}" ${words[code] ?? `could not be used (${code})`}.`);
}

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

function toFolder(handle: FileHandle, path: string): Folder {
  return {
    child: (name) => (byDescriptor ? `/proc/self/fd/${handle.fd}/${name}` : join(path, name)),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

/**
 * Opens a folder under the workspace. The caller closes it. Throws PathRefused.
 * @param create missing folders on the way are made
 */
export async function openFolder(
  workspace: string,
  segments: readonly string[],
  create = false,
): Promise<Folder> {
  let path = workspace;
  let folder = toFolder(
    await open(workspace, FOLDER).catch((error: unknown) => Promise.reject(refusal(error, '.'))),
    path,
  );
  for (const segment of segments) {
    const place = folder.child(segment);
    path = join(path, segment);
    try {
      if (create)
        await mkdir(place).catch((error: unknown) =>
          codeOf(error) === 'EEXIST' ? undefined : Promise.reject(error),
        );
      const next = toFolder(await open(place, FOLDER), path);
      await folder.close();
      folder = next;
    } catch (error) {
      await folder.close();
      throw refusal(error, segments.join('/'));
    }
  }
  return folder;
}

/** A regular file under the workspace, open for reading, with one name only. The caller closes it. */
export async function openFile(workspace: string, segments: readonly string[]): Promise<FileHandle> {
  const name = segments.at(-1);
  const path = segments.join('/');
  if (name === undefined) throw new PathRefused('The workspace itself is a folder, not a file.');
  const folder = await openFolder(workspace, segments.slice(0, -1));
  try {
    // Non-blocking: opening a pipe must not wait for somebody to write to it.
    const handle = await open(
      folder.child(name),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    const found = await handle.stat();
    const problem = found.isDirectory()
      ? 'is a folder'
      : !found.isFile()
        ? 'is not a regular file'
        : found.nlink > 1
          ? 'has a second name (a hard link), which may lie outside the workspace'
          : null;
    if (problem === null) return handle;
    await handle.close();
    throw new PathRefused(`"${path}" ${problem}.`);
  } catch (error) {
    throw refusal(error, path);
  } finally {
    await folder.close();
  }
}
