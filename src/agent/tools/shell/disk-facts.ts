/**
 * What only the disk can tell about a command that looks harmless: links out of the workspace, settings of a
 * git repository that run programs, files of the gateway itself. Reads only.
 */
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { matchesGlob } from '../../glob.ts';
import { PathRefused } from '../files/location.ts';
import { walk } from '../files/walk.ts';
import type { OwnFiles } from '../own-files.ts';
import { looksSecret } from '../secret-paths.ts';
import { type Facts, foldersOf } from './judge.ts';

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

/** The mode of an entry in the index that is a repository of its own; the bytes mean it wherever an entry begins. */
const REPOSITORY_MODE = Buffer.from([0, 0, 0xe0, 0]);

/** Whether some are checked in, which git then looks into, as their own settings say, `.gitmodules` or not. */
async function holdsRepositories(entry: string): Promise<boolean> {
  const names = await readdir(entry).catch(() => []);
  for (const name of names.filter((one) => one === 'index' || one.startsWith('sharedindex.')))
    if ((await readFile(join(entry, name))).includes(REPOSITORY_MODE)) return true;
  return false;
}

/** Looks for the repository git would use from `directory` upwards, no further than the workspace. */
async function gitConcern(workspace: string, directory: string): Promise<string | null> {
  for (let folder = directory; isInside(folder, workspace); folder = dirname(folder)) {
    const entry = join(folder, '.git');
    const found = await lstat(entry).catch(() => null);
    if (found === null) continue;
    if (!found.isDirectory() || (await exists(join(entry, 'commondir'))))
      return 'the git repository of this folder lies elsewhere';
    // What has changed in the files is written down in the index, and that starts this one, also for `git diff`.
    if (await exists(join(entry, 'hooks/post-index-change')))
      return 'a hook of the git repository may run (post-index-change)';
    if ((await exists(join(folder, '.gitmodules'))) || (await holdsRepositories(entry)))
      return 'the repository has submodules with settings of their own';
    return configConcern(await readFile(join(entry, 'config'), 'utf8').catch(() => ''));
  }
  return null;
}

/** A name and a password, or a token alone, in the address of a remote. */
const ADDRESS_WITH_PASSWORD = /:\/\/(?:[^/\s@]*:[^/\s@]+|[^/\s@]{16,})@/;

/** The addresses of remotes are where a password is kept that nobody thinks of. */
async function passwordConcern(workspace: string, { searches, forms }: Facts): Promise<string | null> {
  const shows =
    [...forms].some((form) => /^git remote .*-v/.test(form)) || searches.some(({ hidden }) => hidden);
  if (!shows) return null;
  const settings = await readFile(join(workspace, '.git/config'), 'utf8').catch(() => '');
  return ADDRESS_WITH_PASSWORD.test(settings) ? 'shows a password in the git settings (.git/config)' : null;
}

/** Files a pattern matches; more than this is not looked through. */
const MAX_MATCHES = 2_000;

/** Entries looked at below a folder that is searched as a whole. */
const MAX_ENTRIES = 20_000;

/** Deeper than any tree written by hand. */
const MAX_DEPTH = 40;

async function linkConcern(workspace: string, directory: string, path: string): Promise<string | null> {
  const target = await realpath(resolve(directory, path)).catch(() => null);
  const fine = target === null || target === '/dev/null' || isInside(target, workspace);
  return fine ? null : `a link leads out of the workspace (${path})`;
}

/** What the shell would make of a pattern, or a little more: brackets are taken to match anything. */
async function expand(directory: string, pattern: string): Promise<string[]> {
  let paths = [''];
  for (const segment of pattern.split('/')) {
    const wanted = segment.replaceAll(/\[.*\]/g, '*');
    const next = paths.map(async (path) => {
      if (!/[*?]/.test(wanted)) return [`${path}${segment}/`];
      const names = await readdir(resolve(directory, path)).catch(() => []);
      return names
        .filter((name) => !name.startsWith('.') && matchesGlob(wanted, name))
        .map((name) => `${path}${name}/`);
    });
    paths = (await Promise.all(next)).flat().slice(0, MAX_MATCHES + 1);
  }
  return paths.map((path) => path.slice(0, -1));
}

async function patternConcern(workspace: string, directory: string, pattern: string): Promise<string | null> {
  const paths = await expand(directory, pattern);
  if (paths.length > MAX_MATCHES) return `the pattern matches very many files (${pattern})`;
  const secret = paths.find(looksSecret);
  if (secret !== undefined) return `reads a file that may hold secrets (${secret})`;
  const links = await Promise.all(paths.map((path) => linkConcern(workspace, directory, path)));
  return links.find((concern) => concern !== null) ?? null;
}

async function searchConcern(
  workspace: string,
  directory: string,
  search: Facts['searches'][number],
): Promise<string | null> {
  const segments = relative(workspace, resolve(directory, search.path)).split('/').filter(Boolean);
  let entries = 0;
  try {
    for await (const entry of walk(workspace, segments, MAX_DEPTH, new AbortController().signal)) {
      entries += 1;
      const path = entry.segments.join('/');
      if (entries > MAX_ENTRIES) return null;
      if (entry.kind === 'folder' || (!search.hidden && /(^|\/)\./.test(path))) continue;
      if (looksSecret(path)) return `comes upon a file that may hold secrets (${path})`;
    }
  } catch (error) {
    // Not a folder: the file itself has been looked at as an operand.
    if (!(error instanceof PathRefused)) throw error;
  }
  return null;
}

/** Whether anything it reads is, or leads to, a file of the gateway itself. */
async function ownConcern(
  workspace: string,
  directory: string,
  facts: Facts,
  ownFiles: OwnFiles,
): Promise<string | null> {
  const searched = facts.searches.map((search) => search.path);
  const matched = await Promise.all([...facts.patterns].map((pattern) => expand(directory, pattern)));
  for (const path of [...facts.reads, ...searched, ...matched.flat()]) {
    const named = resolve(directory, path);
    const real = await realpath(named).catch(() => named);
    if (ownFiles.isOwn(named, workspace) || ownFiles.isOwn(real, workspace))
      return `reads a file of the gateway itself (${path})`;
  }
  const holder = searched.find((path) => ownFiles.holdsOwn(resolve(directory, path), workspace));
  return holder === undefined ? null : `comes upon files of the gateway itself (${holder})`;
}

/** @param paths of what would be executed: as text of a program its content would show in what is printed. */
export async function runsOwn(
  paths: readonly string[],
  workspace: string,
  ownFiles: OwnFiles,
): Promise<string | null> {
  for (const path of paths) {
    const real = await realpath(path).catch(() => path);
    if (ownFiles.isOwn(path, workspace) || ownFiles.isOwn(real, workspace))
      return `runs a file of the gateway itself (${path})`;
  }
  return null;
}

/** Reasons to ask although the words of the command only read. */
export async function diskConcerns(facts: Facts, folder: string, ownFiles: OwnFiles): Promise<string[]> {
  const workspace = await realpath(folder).catch(() => folder);
  const moved = foldersOf(facts, folder).slice(1);
  const concerns: (string | null)[] = await Promise.all(
    moved.map((directory) => linkConcern(workspace, workspace, directory)),
  );
  concerns.push(await passwordConcern(workspace, facts));
  // After a `cd` it may depend on luck in which of the two folders a command runs (`cd x | cat y`).
  for (const directory of [workspace, ...moved]) {
    for (const path of facts.reads) concerns.push(await linkConcern(workspace, directory, path));
    concerns.push(await ownConcern(workspace, directory, facts, ownFiles));
    for (const pattern of facts.patterns) concerns.push(await patternConcern(workspace, directory, pattern));
    for (const search of facts.searches) concerns.push(await searchConcern(workspace, directory, search));
    if (facts.usesGit) concerns.push(await gitConcern(workspace, directory));
  }
  return [...new Set(concerns.filter((concern) => concern !== null))];
}
