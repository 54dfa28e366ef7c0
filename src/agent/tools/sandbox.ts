/**
 * Where commands run: inside bubblewrap when it works here, else in the open, and then everybody is told.
 * The analysis of a command decides when to ask; this decides what can happen.
 */
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

export type SandboxMode = 'auto' | 'require' | 'off';

export type SandboxConfig = {
  readonly mode: SandboxMode;
  /** Whether commands reach the network. */
  readonly network: boolean;
  /** Files and folders of the gateway (database, configuration, `.env`) that commands must not see. */
  readonly hide: readonly string[];
};

export type Sandbox = {
  readonly active: boolean;
  /** "bubblewrap, no network" or why there is none, for card, start and `doctor`. */
  readonly description: string;
  /** Set when commands must not run at all: what is missing and how to mend it. */
  readonly refusal: string | null;
  /** The command that runs `argv` inside; unchanged when there is no sandbox. */
  wrap(argv: readonly string[], workspace: string): readonly string[];
};

/** Folders replaced by empty ones: other people's files, sockets of the machine, temporary files. */
const emptied = ['/home', '/root', '/run', '/tmp', '/var/tmp', '/mnt', '/media', '/srv'];

/** What runs on the host when git is used there later: read-only where it exists (A21). */
const guarded = ['.git/hooks', '.git/config'];

const REMEDY =
  'Install bubblewrap (`apt-get install bubblewrap`) and allow unprivileged user namespaces, ' +
  'or set tools.shell.sandbox to "auto".';

/** How long the probe may take: it starts `true`, so anything longer means it hangs. */
const PROBE_TIMEOUT_MS = 5_000;

const canonical = (path: string): string => (existsSync(path) ? realpathSync(path) : path);

function bubblewrapArgs(config: SandboxConfig, workspace: string): string[] {
  const args = ['--die-with-parent', '--new-session', '--unshare-user-try', '--unshare-pid', '--unshare-ipc'];
  args.push('--unshare-uts', '--unshare-cgroup-try', '--cap-drop', 'ALL');
  if (!config.network) args.push('--unshare-net');
  args.push('--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc');
  for (const folder of emptied) {
    if (existsSync(folder) && canonical(folder) === folder) args.push('--tmpfs', folder);
  }
  const resolver = canonical('/etc/resolv.conf');
  // The resolver's file often lives under /run, which is empty by now.
  if (config.network && resolver !== '/etc/resolv.conf') args.push('--ro-bind-try', resolver, resolver);
  for (const path of config.hide.map(canonical).filter(existsSync)) args.push(...hiding(path));
  args.push('--bind', workspace, workspace);
  for (const path of guarded.map((name) => join(workspace, name)).filter(existsSync)) {
    args.push('--ro-bind', path, path);
  }
  args.push('--chdir', workspace, '--');
  return args;
}

/** A folder becomes an empty one, a file an empty device. Below an emptied folder it is gone already. */
function hiding(path: string): string[] {
  if (emptied.some((folder) => path === folder || path.startsWith(`${folder}/`))) return [];
  const isFolder = existsSync(join(path, '.'));
  return isFolder ? ['--tmpfs', path] : ['--ro-bind', '/dev/null', path];
}

/** Starts something harmless inside; resolves to why that failed, or null. */
function probe(config: SandboxConfig): Promise<string | null> {
  return new Promise((resolve) => {
    // Any folder that exists will do for a workspace.
    const child = spawn('bwrap', [...bubblewrapArgs(config, '/usr'), 'true'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: PROBE_TIMEOUT_MS,
    });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors = `${errors}${chunk}`.slice(0, 300);
    });
    child.on('error', () => resolve('bubblewrap is not installed'));
    child.on('close', (code) => {
      resolve(code === 0 ? null : `bubblewrap does not work here (${errors.trim() || `exit code ${code}`})`);
    });
  });
}

/** Probes once. Never rejects: a missing sandbox is a fact to show, and with `require` a refusal. */
export async function openSandbox(
  config: SandboxConfig,
  probeFor: (config: SandboxConfig) => Promise<string | null> = probe,
): Promise<Sandbox> {
  const why = config.mode === 'off' ? 'turned off' : await probeFor(config);
  if (why === null) {
    return {
      active: true,
      description: config.network ? 'bubblewrap, with network' : 'bubblewrap, no network',
      refusal: null,
      wrap: (argv, workspace) => ['bwrap', ...bubblewrapArgs(config, workspace), ...argv],
    };
  }
  return {
    active: false,
    description: `none (${why})`,
    refusal:
      config.mode === 'require' ? `The shell is off: a sandbox is required, but ${why}. ${REMEDY}` : null,
    wrap: (argv) => argv,
  };
}
