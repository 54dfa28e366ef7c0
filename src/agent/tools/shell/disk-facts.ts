/**
 * What only the disk can tell about a command that looks harmless: links out of the workspace, settings of a
 * git repository that run programs, the content of scripts it would execute. Reads only.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Facts } from './judge.ts';

const isInside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** Settings that cannot make git run anything. Every other one, an include among them, is a reason to ask. */
const harmlessSettings = new Set([
  ...['repositoryformatversion', 'filemode', 'bare', 'logallrefupdates', 'ignorecase', 'symlinks'],
  ...['precomposeunicode', 'autocrlf', 'url', 'fetch', 'merge', 'remote', 'name', 'email', 'defaultbranch'],
]);

const harmlessSections = new Set(['core', 'remote', 'branch', 'user', 'init']);

function configConcern(text: string): string | null {
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const section = /^\[([A-Za-z]+)(?: +"[^"\\]*")?\]$/.exec(line)?.[1];
    const setting = /^([A-Za-z]+) *=[^\\]*$/.exec(line)?.[1];
    const harmless =
      section === undefined
        ? harmlessSettings.has(setting?.toLowerCase() ?? '')
        : harmlessSections.has(section.toLowerCase());
    if (!harmless) return `the git settings of this folder may run other programs (${line.slice(0, 60)})`;
  }
  return null;
}

/** Looks for the repository git would use from `directory` upwards, no further than the workspace. */
async function gitConcern(workspace: string, directory: string): Promise<string | null> {
  for (let folder = directory; isInside(folder, workspace); folder = dirname(folder)) {
    const entry = join(folder, '.git');
    const found = await lstat(entry).catch(() => null);
    if (found === null) continue;
    if (!found.isDirectory()) return 'the git repository of this folder lies elsewhere';
    if (await exists(join(folder, '.gitmodules')))
      return 'the repository has submodules with settings of their own';
    return configConcern(await readFile(join(entry, 'config'), 'utf8').catch(() => ''));
  }
  return null;
}

/** Reasons to ask although the words of the command only read. */
export async function diskConcerns(facts: Facts, workspace: string): Promise<string[]> {
  const directory = resolve(workspace, facts.directory ?? '.');
  const concerns: string[] = [];
  for (const path of facts.reads) {
    const target = await realpath(resolve(directory, path)).catch(() => null);
    if (target !== null && target !== '/dev/null' && !isInside(target, workspace)) {
      concerns.push(`a link leads out of the workspace (${path})`);
    }
  }
  const git = facts.usesGit ? await gitConcern(workspace, directory) : null;
  return git === null ? concerns : [...concerns, git];
}

/** SHA-256 of every file the command would execute, by absolute path, in a fixed order (A7). */
export async function executedFiles(facts: Facts, workspace: string): Promise<Record<string, string>> {
  const directory = resolve(workspace, facts.directory ?? '.');
  const digests: Record<string, string> = {};
  for (const path of [...facts.executes].map((name) => resolve(directory, name)).sort()) {
    const found = await stat(path).catch(() => null);
    if (found === null || !found.isFile()) continue;
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk);
    digests[path] = hash.digest('hex');
  }
  return digests;
}
