/** The arguments of bubblewrap for one place: what is there, what is not, how much a program may take. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { seccompFilter } from './seccomp.ts';

/** Something of the host that a program needs to see, although its folder is emptied. */
export type Shown = { readonly path: string; readonly writable: boolean };

export type Place = {
  /** Absolute, canonical; writable. */
  readonly workspace: string;
  readonly network: boolean;
  /** Where it starts; the workspace when left out. */
  readonly cwd?: string;
  readonly shown?: readonly Shown[];
};

/** A command to start, and what it reads from descriptor 3 onwards. */
export type Launch = { readonly argv: readonly string[]; readonly descriptors: readonly Uint8Array[] };

const system = new Set([
  '/',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/etc',
  '/var',
  '/opt',
  '/dev',
  '/proc',
]);

/** Folders replaced by empty ones: people's files, sockets of the machine (Docker's among them), temporary files. */
const emptied = ['/home', '/root', '/run', '/var/run', '/tmp', '/var/tmp', '/mnt', '/media', '/srv'];

/** What a gateway that runs as root could otherwise read: hashes, keys, tokens, other services' data. */
const credentials = [
  ...['/etc/shadow', '/etc/shadow-', '/etc/gshadow', '/etc/gshadow-', '/etc/sudoers', '/etc/sudoers.d'],
  ...[
    '/etc/ssh',
    '/etc/ssl/private',
    '/etc/kubernetes',
    '/etc/docker',
    '/var/lib/docker',
    '/var/lib/kubelet',
  ],
  ...['/var/backups', '/var/spool', '/var/mail', '/var/log'],
];

/**
 * Per process and hard: no core files, 4 GiB of memory that is written to, files of 1 GiB, 4,096 descriptors, 1,024
 * processes of the user. Address space is not limited: runtimes such as Node reserve far more than they use.
 * Shells differ in the letter for processes; one that knows neither goes without.
 */
const LIMITS =
  'ulimit -c 0; ulimit -d 4194304; ulimit -f 2097152; ulimit -n 4096; ' +
  '{ ulimit -u 1024 || ulimit -p 1024; } 2>/dev/null; exec "$@"';

const canonical = (path: string): string => (existsSync(path) ? realpathSync(path) : path);

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** A folder becomes an empty one, a file an empty device. */
const hiding = (path: string): string[] =>
  isFolder(path) ? ['--tmpfs', path] : ['--ro-bind', '/dev/null', path];

/** What runs on the host when git is used there later is read-only; hooks that do not exist yet stay away (A21). */
function guarding(workspace: string): string[] {
  const settings = join(workspace, '.git');
  if (!isFolder(settings) || canonical(settings) !== settings) return [];
  const [hooks, config] = [join(settings, 'hooks'), join(settings, 'config')];
  return [
    ...(existsSync(hooks) ? ['--ro-bind', hooks, hooks] : ['--tmpfs', hooks, '--remount-ro', hooks]),
    ...(existsSync(config) ? ['--ro-bind', config, config] : []),
  ];
}

/** @param hide files and folders of the gateway: database, configuration, `.env` */
export function bubblewrapped(
  argv: readonly string[],
  { workspace, network, cwd = workspace, shown = [] }: Place,
  hide: readonly string[],
): Launch {
  const args = ['--die-with-parent', '--new-session', '--unshare-user-try', '--unshare-pid', '--unshare-ipc'];
  args.push('--unshare-uts', '--unshare-cgroup-try', '--cap-drop', 'ALL');
  if (!network) args.push('--unshare-net');
  args.push('--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc');
  const home = homedir();
  const folders = [...emptied, ...(system.has(home) ? [] : [home])].filter(
    (folder) => existsSync(folder) && canonical(folder) === folder,
  );
  const outer = folders.filter(
    (folder) => !folders.some((other) => other !== folder && isBelow(folder, other)),
  );
  for (const folder of outer) args.push('--tmpfs', folder);
  const isGone = (path: string): boolean => outer.some((folder) => isBelow(path, folder));
  const resolver = canonical('/etc/resolv.conf');
  // The resolver's file often lives under /run, which is empty by now.
  if (network && isGone(resolver)) args.push('--ro-bind-try', resolver, resolver);
  for (const { path, writable } of shown) {
    if (writable || isGone(path)) args.push(writable ? '--bind' : '--ro-bind', path, path);
  }
  for (const path of credentials.filter((one) => canonical(one) === one && existsSync(one)))
    args.push(...hiding(path));
  for (const path of hide.map(canonical).filter(existsSync)) {
    const isShown = shown.some((one) => isBelow(path, one.path) || isBelow(one.path, path));
    if (isShown || !isGone(path)) args.push(...hiding(path));
  }
  args.push('--bind', workspace, workspace);
  args.push(...guarding(workspace));
  if (isGone(cwd) && cwd !== workspace) args.push('--dir', cwd);
  args.push('--chdir', cwd);
  const filter = seccompFilter(process.arch);
  if (filter !== null) args.push('--seccomp', '3');
  return {
    argv: ['bwrap', ...args, '--', '/bin/sh', '-c', LIMITS, 'sh', ...argv],
    descriptors: filter === null ? [] : [filter],
  };
}
