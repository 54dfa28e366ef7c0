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
import { type Facts, foldersOf, type Search } from './judge.ts';

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

/** A name and a password, or a token alone, in the address of a remote. */
const ADDRESS_WITH_PASSWORD = /:\/\/(?:[^/\s@]*:[^/\s@]+|[^/\s@]{16,})@/;

/** The addresses of remotes are where a password is kept that nobody thinks of. @param folder with a repository */
async function passwordConcern(workspace: string, folder: string): Promise<string | null> {
  const config = join(folder, '.git/config');
  const settings = await readFile(config, 'utf8').catch(() => '');
  return ADDRESS_WITH_PASSWORD.test(settings)
    ? `shows a password in the git settings (${relative(workspace, config)})`
    : null;
}

/**
 * Looks for the repository git would use from `directory` upwards, no further than the workspace. Which of several it
 * takes for a repository is for git to say, so that none may be a reason to ask.
 */
async function gitConcern(workspace: string, directory: string, { forms }: Facts): Promise<string | null> {
  const given = (pattern: RegExp): boolean => [...forms].some((form) => pattern.test(form));
  const showsRemotes = given(/^git (--no-pager )?remote .*-v/);
  let repositories = 0;
  for (let folder = directory; isInside(folder, workspace); folder = dirname(folder)) {
    if ((await exists(join(folder, 'HEAD'))) && (await exists(join(folder, 'objects'))))
      return 'a folder that looks like a git repository has settings of its own';
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
    if (await exists(join(entry, 'objects/info/alternates')))
      return 'the git repository takes its content from elsewhere as well';
    const linked = await linkConcern(workspace, entry, 'objects');
    const concern = linked ?? configConcern(await readFile(join(entry, 'config'), 'utf8').catch(() => ''));
    if (concern !== null) return concern;
    const password = showsRemotes ? await passwordConcern(workspace, folder) : null;
    if (password !== null) return password;
    if (await exists(join(entry, 'HEAD'))) repositories += 1;
  }
  // Files and folders then, with all they hold.
  const compares = repositories === 0 && given(/^git (--no-pager )?diff\b/);
  return compares ? 'git compares files, as there is no repository' : null;
}

/** What programs read from the home folder, which is the workspace. A git before 2.32 cannot be told not to. */
const homeFiles = [
  ['git', '.gitconfig'],
  ['git', '.config/git/config'],
  ['jq', '.jq'],
  ['file', '.magic'],
  ['file', '.magic.mgc'],
] as const;

async function homeConcern(workspace: string, { forms }: Facts): Promise<string | null> {
  for (const [program, file] of homeFiles)
    if ([...forms].some((form) => form.startsWith(`${program} `)) && (await exists(join(workspace, file))))
      return `\`${program}\` takes its orders from a file of this folder as well (${file})`;
  return null;
}

/** Files a pattern matches; more than this is not looked through. */
const MAX_MATCHES = 2_000;

/** Entries looked at below a folder that is searched as a whole. */
const MAX_ENTRIES = 20_000;

/** Deeper than any tree written by hand. */
const MAX_DEPTH = 40;

/** Where a path really leads: by a link, by `.git/./config`, or from another folder. */
async function linkConcern(workspace: string, directory: string, path: string): Promise<string | null> {
  const target = await realpath(resolve(directory, path)).catch(() => null);
  if (target === null || target === '/dev/null') return null;
  if (!isInside(target, workspace)) return `a link leads out of the workspace (${path})`;
  const inside = relative(workspace, target);
  return looksSecret(inside) ? `reads a file that may hold secrets (${inside})` : null;
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
  const option = paths.find((path) => path.startsWith('-'));
  if (option !== undefined) return `the name of a file would be taken for an option (${option})`;
  const secret = paths.find(looksSecret);
  if (secret !== undefined) return `reads a file that may hold secrets (${secret})`;
  const links = await Promise.all(paths.map((path) => linkConcern(workspace, directory, path)));
  return links.find((concern) => concern !== null) ?? null;
}

/** Names that a hidden file is read under all the same, by a line such as `!.env` in a file that says what to ignore. */
async function unignored(files: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  return texts.flatMap((text) => [...text.matchAll(/^!(.*)$/gm)].map(([, pattern = '']) => pattern.trim()));
}

const ignoring = ['.gitignore', '.ignore', '.rgignore'];

/** By the last part of the pattern and any part of the path, which is more than it really selects. */
const isSelected = (path: string, patterns: readonly string[]): boolean =>
  patterns.some((pattern) => {
    const last = pattern.toLowerCase().split('/').findLast(Boolean) ?? '*';
    const wanted = /[{[\\]/.test(last) ? '*' : last;
    return path
      .toLowerCase()
      .split('/')
      .some((name) => matchesGlob(wanted, name));
  });

async function searchConcern(workspace: string, directory: string, search: Search): Promise<string | null> {
  const segments = relative(workspace, resolve(directory, search.path)).split('/').filter(Boolean);
  const holding = [...segments.keys(), segments.length].map((end) =>
    join(workspace, ...segments.slice(0, end)),
  );
  const ignores = holding.flatMap((folder) =>
    [...ignoring, '.git/info/exclude'].map((name) => join(folder, name)),
  );
  const depth = search.program === 'diff' ? 1 : MAX_DEPTH;
  const hiddenSecrets: string[] = [];
  const found = (path: string): string => `comes upon a file that may hold secrets (${path})`;
  let entries = 0;
  try {
    for await (const entry of walk(workspace, segments, depth, new AbortController().signal)) {
      entries += 1;
      const path = entry.segments.join('/');
      if (entries > MAX_ENTRIES) break;
      if (entry.kind === 'folder') {
        const shows = search.hidden && depth > 1 && entry.segments.at(-1) === '.git';
        const concern = shows ? await passwordConcern(workspace, join(workspace, path, '..')) : null;
        if (concern !== null) return concern;
        continue;
      }
      if (entry.kind === 'link' && search.program === 'diff') {
        const concern = await linkConcern(workspace, workspace, path);
        if (concern !== null) return concern;
      }
      if (ignoring.includes(entry.segments.at(-1) ?? '')) ignores.push(join(workspace, path));
      if (!looksSecret(path)) continue;
      const isHidden = entry.segments.slice(segments.length).some((name) => name.startsWith('.'));
      if (search.hidden || !isHidden) return found(path);
      hiddenSecrets.push(path);
    }
  } catch (error) {
    // Not a folder: the file itself has been looked at as an operand.
    if (!(error instanceof PathRefused)) throw error;
  }
  if (hiddenSecrets.length === 0) return null;
  const selects = [...search.selects, ...(await unignored(ignores))];
  const secret = hiddenSecrets.find((path) => isSelected(path, selects));
  return secret === undefined ? null : found(secret);
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
  concerns.push(await homeConcern(workspace, facts));
  // After a `cd` it may depend on luck in which of the two folders a command runs (`cd x | cat y`).
  for (const directory of [workspace, ...moved]) {
    for (const path of facts.reads) concerns.push(await linkConcern(workspace, directory, path));
    const named = await Promise.all(
      facts.searches.map(async (search) =>
        [search.path, ...(await expand(directory, search.path))].map((path) => ({ ...search, path })),
      ),
    );
    const searches = named.flat();
    concerns.push(await ownConcern(workspace, directory, { ...facts, searches }, ownFiles));
    for (const pattern of facts.patterns) concerns.push(await patternConcern(workspace, directory, pattern));
    for (const search of searches) concerns.push(await searchConcern(workspace, directory, search));
    if (facts.usesGit) concerns.push(await gitConcern(workspace, directory, facts));
  }
  return [...new Set(concerns.filter((concern) => concern !== null))];
}
