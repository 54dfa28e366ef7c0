/**
 * What never runs, whoever asks and whatever was granted: commands whose only use here is to destroy the
 * machine. A last net under the sandbox and the approval, so it lists few and certain cases (pure).
 */
import { posix } from 'node:path';
import { planFind } from './find.ts';
import type { Arg } from './word.ts';

const systemFolders = new Set(
  (
    '/ /bin /boot /dev /etc /home /lib /lib32 /lib64 /opt /proc /root /run /sbin /srv /sys /usr /var ' +
    '/Applications /Library /System /Users /Volumes /private'
  ).split(' '),
);

/** No file system takes longer ones; keeps the patterns below quick. */
const MAX_PATH_CHARACTERS = 4096;

const home = /^(?:~|"?\$(?:HOME|\{HOME\})"?)$/;

const device = /^\/dev\/(?:sd|hd|vd|xvd|nvme|mmcblk|disk|mapper|md|dm-|loop|mem\b|kmem|port)/;

/** Writing here acts on the disk or the kernel itself. */
export const isDevice = (path: string): boolean => {
  const plain = posix.normalize(path);
  return device.test(plain) || plain === '/proc/sysrq-trigger';
};

/** `/`, `/*`, `//`, `/usr/..`, `/etc/`, `~` … */
function isSystemRoot(arg: Arg): boolean {
  if (arg.value.length > MAX_PATH_CHARACTERS) return false;
  const target = arg.value.replace(/(?:\/+(?:\*|\.\*|\.|\{,\.\}\*))+$/, '/');
  if (home.test(target.replace(/\/+$/, ''))) return true;
  if (!target.startsWith('/')) return false;
  const plain = posix.normalize(target).replace(/\/+$/, '');
  return systemFolders.has(plain === '' ? '/' : plain.replace(/^\/+/, '/'));
}

const hasShort = (args: readonly Arg[], letters: RegExp): boolean =>
  args.some((arg) => /^-[A-Za-z]+$/.test(arg.value) && letters.test(arg.value));

const hasLong = (args: readonly Arg[], full: string, shortest: string): boolean =>
  args.some((arg) => arg.value.startsWith(shortest) && full.startsWith(arg.value));

const isRecursive = (args: readonly Arg[]): boolean =>
  hasShort(args, /[rR]/) || hasLong(args, '--recursive', '--r');

const halts = new Set(['shutdown', 'reboot', 'halt', 'poweroff']);
const haltUnits = new Set([
  'poweroff',
  'reboot',
  'halt',
  'kexec',
  'emergency',
  'rescue',
  'suspend',
  'hibernate',
]);
const diskTools = new Set([
  'mkfs',
  'mke2fs',
  'mkswap',
  'wipefs',
  'fdisk',
  'sfdisk',
  'gdisk',
  'sgdisk',
  'parted',
]);
const overwriting = new Set(['tee', 'cp', 'mv', 'shred', 'truncate', 'install', 'ln', 'rm']);

/** Why this command can never run, or null. @param name without a directory */
export function blockedReason(name: string, args: readonly Arg[]): string | null {
  const first = args[0]?.value ?? '';
  if (halts.has(name) || (/^(init|telinit)$/.test(name) && /^[06]$/.test(first)))
    return 'shuts the machine down';
  if (name === 'systemctl' && haltUnits.has(args.find((arg) => !arg.value.startsWith('-'))?.value ?? '')) {
    return 'shuts the machine down';
  }
  if (diskTools.has(name) || name.startsWith('mkfs.')) return 'formats or repartitions a disk';
  if (name === 'dd' && args.some((arg) => arg.value.startsWith('of=') && isDevice(arg.value.slice(3)))) {
    return 'overwrites a disk';
  }
  if (overwriting.has(name) && args.some((arg) => isDevice(arg.value))) return 'overwrites a disk';
  const onSystem = args.some(isSystemRoot);
  if (name === 'rm' && (hasLong(args, '--no-preserve-root', '--n') || (onSystem && isRecursive(args)))) {
    return 'deletes the whole system or home folder';
  }
  if (/^(chmod|chown|chgrp)$/.test(name) && onSystem && isRecursive(args)) {
    return 'changes the permissions of the whole system';
  }
  if (name === 'mv' && args.slice(0, -1).some(isSystemRoot)) return 'moves the whole system or home folder';
  if (name === 'kill' && args.at(-1)?.value === '-1' && args.length > 1) return 'ends every process';
  if (name === 'find') {
    const plan = planFind(args, '/');
    const deletes =
      plan.deletes || plan.inner.some((words) => /(^|\/)(rm|shred|unlink)$/.test(words[0]?.value ?? ''));
    if (deletes && plan.starts.some(isSystemRoot)) return 'deletes the whole system or home folder';
  }
  return null;
}
