/** `write_file`: the whole new content of a file in the workspace, put in its place in one step. */
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { z } from 'zod';
import { hasInvisible } from '../../../domain/visible.ts';
import { looksSecret } from '../secret-paths.ts';
import { type Assessment, defineTool } from '../tool.ts';
import { unifiedDiff } from './diff.ts';
import { FILE_TIMEOUT_MS, formsOf, orRefuse } from './file-tool.ts';
import { isGitInternal, openFolder, PathRefused, pathSegments, refusal } from './location.ts';
import { readText } from './text.ts';

/** What a model may write at once; also about what a card can carry as an attachment. */
const MAX_CONTENT_CHARACTERS = 1_000_000;

/** Of a new file: readable by the gateway's own user only when the system's umask says so. */
const NEW_FILE_MODE = 0o644;

const input = z.strictObject({
  path: z.string().min(1).describe('Relative to the workspace. Missing folders are made.'),
  content: z.string().max(MAX_CONTENT_CHARACTERS).describe('All of the new content; it replaces the old.'),
});

type Input = z.output<typeof input>;

function writableSegments(path: string, workspace: string): string[] {
  const segments = pathSegments(path, workspace);
  if (segments.length === 0) throw new PathRefused('The workspace itself is a folder, not a file.');
  if (isGitInternal(segments))
    throw new PathRefused(`"${path}" belongs to git; change it with git commands.`);
  if (hasInvisible(path) || /[\n\t]/.test(path))
    throw new PathRefused('A name with invisible characters is not written: nobody could see what it is.');
  return segments;
}

const digestOf = (content: string): string => createHash('sha256').update(content).digest('hex');

/** What the change was shown against; `absent` stands for no file. */
const presentDigest = (before: string | null): string => (before === null ? 'absent' : digestOf(before));

/** The present content; null when there is no such file or it is not text. */
async function presentText(workspace: string, segments: readonly string[]): Promise<string | null> {
  try {
    return await readText(workspace, segments);
  } catch (error) {
    if (error instanceof PathRefused) return null;
    throw error;
  }
}

async function assess({ path, content }: Input, workspace: string): Promise<Assessment> {
  const display = { question: 'Write this file?', title: `Wrote ${path}` };
  try {
    const segments = writableSegments(path, workspace);
    const name = segments.join('/');
    const before = await presentText(workspace, segments);
    const text =
      before === null
        ? `New content of ${name}:\n${content}`
        : unifiedDiff(name, before, content) || `${name}: no change`;
    const reasons = [before === null ? 'creates or replaces a file' : 'changes a file'];
    if (looksSecret(name)) reasons.push('the file may hold secrets');
    const digest = digestOf(content);
    return {
      decision: 'ask',
      risk: looksSecret(name) ? 'high' : 'medium',
      reasons,
      alwaysKey: `write_file:${JSON.stringify([name, digest])}`,
      forms: formsOf(name),
      display: { ...display, text, language: before === null ? 'text' : 'diff' },
      // Somebody else's edit in between would be lost unseen: the change is agreed to against this content (A6).
      files: { [name]: presentDigest(before) },
    };
  } catch (error) {
    if (!(error instanceof PathRefused)) throw error;
    const shown = { ...display, text: path, language: 'text' };
    return { decision: 'deny', risk: 'blocked', reasons: [error.message], alwaysKey: null, display: shown };
  }
}

/** Permissions to keep; refuses to replace anything that is not a plain file. */
async function presentMode(place: string, path: string): Promise<number> {
  const found = await lstat(place).catch(() => null);
  if (found === null) return NEW_FILE_MODE;
  if (found.isSymbolicLink()) throw new PathRefused(`"${path}" is a link; links are not followed.`);
  if (!found.isFile()) throw new PathRefused(`"${path}" is not a regular file.`);
  if (found.nlink > 1)
    throw new PathRefused(`"${path}" has a second name (a hard link), which may lie outside the workspace.`);
  return found.mode & 0o777;
}

async function write(workspace: string, segments: readonly string[], content: string): Promise<number> {
  const name = segments.at(-1) ?? '';
  const path = segments.join('/');
  await mkdir(workspace, { recursive: true });
  const folder = await openFolder(workspace, segments.slice(0, -1), true);
  try {
    const mode = await presentMode(folder.child(name), path);
    const temporary = folder.child(`.${randomBytes(8).toString('hex')}.tmp`);
    const fresh = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(temporary, fresh, mode);
    try {
      await handle.chmod(mode);
      await handle.writeFile(content);
      await handle.sync();
      await rename(temporary, folder.child(name));
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
    await folder.sync();
    return Buffer.byteLength(content);
  } catch (error) {
    throw refusal(error, path);
  } finally {
    await folder.close();
  }
}

export const writeFile = defineTool({
  name: 'write_file',
  description:
    'Writes a UTF-8 text file in the workspace, replacing all of its content. A person is asked first.',
  input,
  effect: 'idempotent',
  risks: ['medium', 'high'],
  timeoutMs: FILE_TIMEOUT_MS,
  assess: (args, { workspace }) => assess(args, workspace),
  run: ({ path, content }, { workspace, files }) =>
    orRefuse(async () => {
      const segments = writableSegments(path, workspace);
      const agreed = files[segments.join('/')];
      if (agreed !== undefined && agreed !== presentDigest(await presentText(workspace, segments)))
        throw new PathRefused(`"${path}" has changed since this was agreed to; read it again.`);
      const bytes = await write(workspace, segments, content);
      return {
        ok: true,
        output: `Wrote ${bytes} bytes to ${path}.`,
        metadata: { path, bytes },
        ownWords: true,
      };
    }),
});
