/** Why bubblewrap does not work on a machine, and what to change there: names of settings, not a shrug. */
import { existsSync, readFileSync } from 'node:fs';

/** What the kernel and the machine say. */
export type Machine = {
  /** A setting under `/proc/sys`; undefined where the kernel has none of that name. */
  setting(name: string): string | undefined;
  readonly inContainer: boolean;
};

export const thisMachine: Machine = {
  setting(name) {
    try {
      return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim();
    } catch {
      return undefined;
    }
  },
  inContainer: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
};

/** Pure but for `machine`. @param why what the probe found */
export function remedyFor(why: string, machine: Machine = thisMachine): string {
  const or = 'Or set tools.shell.sandbox to "auto", which runs without one where it must.';
  if (/not installed/.test(why)) return `Install it: \`apt-get install bubblewrap\`. ${or}`;
  const changes = [
    machine.setting('kernel.unprivileged_userns_clone') === '0' &&
      'sysctl -w kernel.unprivileged_userns_clone=1',
    machine.setting('user.max_user_namespaces') === '0' && 'sysctl -w user.max_user_namespaces=15000',
    machine.setting('kernel.apparmor_restrict_unprivileged_userns') === '1' &&
      'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give bwrap an AppArmor profile with "userns,"',
    machine.inContainer &&
      'start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined ' +
        '--security-opt systempaths=unconfined (in compose.yaml: security_opt)',
  ].filter((change) => change !== false);
  const found =
    changes.length === 0
      ? 'Allow unprivileged user namespaces for this user.'
      : `Change: ${changes.join('; ')}.`;
  return `${found} ${or}`;
}
