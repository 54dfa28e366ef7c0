/** The arguments of bubblewrap for one place: what is there, what is not, how much a program may take. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../root.ts';
import { endingUnheard, LISTENER } from './launch.ts';
import { seccompFilter } from './seccomp.ts';

/** Something of the host that a program needs to see, although its folder is emptied. */
export type Shown = { readonly path: string; readonly writable: boolean };

export type FixedFile = {
  readonly path: string;
  /** A file with its content, which is read when the program is started and not needed any more afterwards. */
  readonly copy: string;
  /** Whether it may be started as a program. */
  readonly executable: boolean;
};

export type Place = {
  /** Absolute, canonical; writable. */
  readonly workspace: string;
  /** Of the way out that `Network` asked for: all of it, none, or the socket of a proxy. */
  readonly network: boolean | { readonly proxy: string };
  /** Where it starts; the workspace when left out. */
  readonly cwd?: string;
  readonly shown?: readonly Shown[];
  /** Files whose content is fixed: whatever the disk says by then, this is what is found there. */
  readonly fixed?: readonly FixedFile[];
};

/** What a program finds at a descriptor: bytes to read, a file to read, or somebody who reads as long as they live. */
export type Descriptor =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'listener' };

/** A command to start, and what it finds from descriptor 3 onwards. */
export type Launch = { readonly argv: readonly string[]; readonly descriptors: readonly Descriptor[] };

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

const kernelSettings = ['/proc/sys', '/proc/irq', '/proc/bus', '/proc/fs'];

/** The memory of the kernel, its keys and addresses, its emergency brake. */
const kernelSecrets = [
  ...['/proc/kcore', '/proc/keys', '/proc/kallsyms', '/proc/kmsg', '/proc/sysrq-trigger', '/proc/timer_list'],
  ...['/proc/acpi', '/proc/scsi', '/sys/firmware'],
];

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
 * Shells differ in the letter for processes. A limit that is lower already stays.
 *
 * Before that, the listener. Bubblewrap asks to be ended with the gateway (`--die-with-parent`), but each of its processes
 * only in the course of its set-up: of a death before that it never hears. What ends then is all that there is, so this
 * is for the first processes of a namespace only (the second, or the third of a setuid bubblewrap): anywhere else it would
 * be everything of the gateway's user.
 */
const PROLOGUE =
  `[ $$ -lt 10 ] || exit 125; ${endingUnheard('kill -9 -1')}` +
  '{ ulimit -c 0; ulimit -d 4194304; ulimit -f 2097152; ulimit -n 4096; ulimit -u 1024 || ulimit -p 1024; } ' +
  '2>/dev/null; exec "$@"';

const canonical = (path: string): string => (existsSync(path) ? realpathSync(path) : path);

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** A folder becomes an empty one, a file an empty device. */
const hiding = (path: string): string[] =>
  isFolder(path) ? ['--tmpfs', path] : ['--ro-bind', '/dev/null', path];

/** Where what the bridge needs is found inside; the folder is empty otherwise. */
const BRIDGE = '/run/parley';
/** Inside there is nobody else on this loopback. */
const BRIDGE_PORT = 3128;

/** Bubblewrap forwards no ports: a few lines of our own listen inside and speak to the proxy through its socket. */
function bridging(socket: string): { readonly args: string[]; readonly program: string[] } {
  const [node, script, inner] = [`${BRIDGE}/node`, `${BRIDGE}/forwarder.ts`, `${BRIDGE}/proxy.sock`];
  const proxy = `http://127.0.0.1:${BRIDGE_PORT}`;
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];
  const binds = [
    [process.execPath, node],
    [join(ROOT, 'src/agent/tools/forwarder.ts'), script],
    [socket, inner],
  ];
  return {
    args: [
      ...binds.flatMap(([from = '', to = '']) => ['--ro-bind', from, to]),
      ...names.flatMap((name) => ['--setenv', name, proxy]),
    ],
    program: [node, script, inner, String(BRIDGE_PORT)],
  };
}

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
  { workspace, network, cwd = workspace, shown = [], fixed = [] }: Place,
  hide: readonly string[],
): Launch {
  // No session of its own: `launch` gives it one, without a terminal. In the group that is ended it dies also while
  // bubblewrap is still setting up, before its death follows from its parent's.
  const args = ['--die-with-parent', '--unshare-user-try', '--unshare-pid', '--unshare-ipc'];
  args.push('--unshare-uts', '--unshare-cgroup-try', '--cap-drop', 'ALL');
  if (network !== true) args.push('--unshare-net');
  args.push('--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc');
  // Settings of the kernel are root's to write, also where root has no capabilities left.
  for (const path of kernelSettings.filter(existsSync)) args.push('--ro-bind', path, path);
  for (const path of kernelSecrets.filter(existsSync)) args.push(...hiding(path));
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
  if (network === true && isGone(resolver)) args.push('--ro-bind-try', resolver, resolver);
  for (const { path, writable } of shown) {
    if (writable || isGone(path)) args.push(writable ? '--bind' : '--ro-bind', path, path);
  }
  for (const path of credentials.filter((one) => canonical(one) === one && existsSync(one)))
    args.push(...hiding(path));
  const own = hide.map(canonical).filter(existsSync);
  for (const path of own) {
    const isShown = shown.some((one) => isBelow(path, one.path) || isBelow(one.path, path));
    if (isShown || !isGone(path)) args.push(...hiding(path));
  }
  args.push('--bind', workspace, workspace);
  // The workspace may be the folder they lie in; it may also lie in one of them.
  for (const path of own.filter((one) => isBelow(one, workspace) && one !== workspace))
    args.push(...hiding(path));
  args.push(...guarding(workspace));
  if (isGone(cwd) && cwd !== workspace) args.push('--dir', cwd);
  args.push('--chdir', cwd);
  const bridge = typeof network === 'object' ? bridging(network.proxy) : null;
  args.push(...(bridge?.args ?? []));
  const descriptors: Descriptor[] = [{ kind: 'listener' }];
  const give = (one: Descriptor): string => String(LISTENER - 1 + descriptors.push(one));
  for (const { path, copy, executable } of fixed)
    args.push(
      ...[
        '--perms',
        executable ? '0555' : '0444',
        '--ro-bind-data',
        give({ kind: 'file', path: copy }),
        path,
      ],
    );
  const filter = seccompFilter(process.arch);
  if (filter !== null) args.push('--seccomp', give({ kind: 'bytes', bytes: filter }));
  return {
    argv: ['bwrap', ...args, '--', '/bin/sh', '-c', PROLOGUE, 'sh', ...(bridge?.program ?? []), ...argv],
    descriptors,
  };
}
