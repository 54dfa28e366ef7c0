/**
 * Where commands and MCP servers run: inside bubblewrap when it works here, else in the open, and then everybody is
 * told. The analysis of a command decides when to ask; this decides what can happen.
 */
import { bubblewrapped, type Launch, type Place } from './bubblewrap.ts';
import { createProxies, type Proxies } from './http/proxies.ts';
import { inTheOpen, launch } from './launch.ts';
import { remedyFor } from './sandbox-remedy.ts';
import { SYSTEM_PATH } from './shell/environment.ts';

export type SandboxMode = 'auto' | 'require' | 'off';

export type SandboxConfig = {
  readonly mode: SandboxMode;
  /** Files and folders of the gateway (database, configuration, `.env`) that commands must not see. */
  readonly hide: readonly string[];
  /** Shared by all sandboxes of the gateway. */
  readonly proxies?: Proxies;
};

/** All of it, none, or these hosts only. */
export type Network = boolean | readonly string[];

export type Sandbox = {
  readonly active: boolean;
  /**
   * "bubblewrap, no network" or why there is none, for card, start and `doctor`.
   * @param opened hosts beyond `network`, for one command: each of them is named
   */
  describe(network: Network, opened?: readonly string[]): string;
  /** What to change, where there is none although there could be. */
  readonly remedy: string | null;
  /** Set when nothing must run at all: what is missing and how to mend it. */
  readonly refusal: string | null;
  /** The command that runs `argv` inside, or in the open; it ends with the gateway either way. */
  wrap(argv: readonly string[], place: Outline): Promise<Launch>;
};

/** A place whose way out is not built yet. */
export type Outline = Omit<Place, 'network'> & { readonly network: Network };

async function wayOut(network: Network, proxies: Proxies): Promise<Place['network']> {
  if (typeof network === 'boolean') return network;
  return network.length === 0 ? false : { proxy: await proxies.socketFor(network) };
}

export const withHosts = (network: Network, hosts: readonly string[]): Network =>
  network === true || hosts.length === 0 ? network : [...new Set([...hosts, ...(network || [])])];

/** Hosts that are open to all commands are counted from here on. */
const HOSTS_SHOWN = 4;

function inWords(always: Network, opened: readonly string[] = []): string {
  const network = withHosts(always, opened);
  if (typeof network === 'boolean' || network.length === 0)
    return network === true ? 'bubblewrap, with network' : 'bubblewrap, no network';
  const shown = network.slice(0, Math.max(HOSTS_SHOWN, opened.length));
  const more = network.length > shown.length ? ` and ${network.length - shown.length} more` : '';
  return `bubblewrap, network: ${shown.join(', ')}${more}`;
}

/** How long the probe may take: it starts `true`, so anything longer means it hangs. */
const PROBE_TIMEOUT_MS = 5_000;

/** Starts something harmless inside; resolves to why that failed, or null. */
function probe(config: SandboxConfig): Promise<string | null> {
  return new Promise((resolve) => {
    // Any folder that exists will do for a workspace.
    const child = launch(
      bubblewrapped(['true'], { workspace: '/usr', network: false }, config.hide),
      '/',
      { PATH: SYSTEM_PATH },
      'ignore',
    );
    const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_TIMEOUT_MS);
    let errors = '';
    child.stderr?.on('data', (chunk) => {
      errors = `${errors}${chunk}`.slice(0, 300);
    });
    child.on('error', () => resolve('bubblewrap is not installed'));
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(code === 0 ? null : `bubblewrap does not work here (${errors.trim() || `exit code ${code}`})`);
    });
  });
}

/** Probes once. Never rejects: a missing sandbox is a fact to show, and with `require` a refusal. */
export async function openSandbox(
  config: SandboxConfig,
  probeFor: (config: SandboxConfig) => Promise<string | null> = probe,
): Promise<Sandbox> {
  const { proxies = createProxies() } = config;
  const why = config.mode === 'off' ? 'turned off' : await probeFor(config);
  if (why === null) {
    return {
      active: true,
      describe: inWords,
      remedy: null,
      refusal: null,
      wrap: async (argv, place) =>
        bubblewrapped(argv, { ...place, network: await wayOut(place.network, proxies) }, config.hide),
    };
  }
  const remedy = config.mode === 'off' ? null : remedyFor(why);
  return {
    active: false,
    describe: () => `none (${why})`,
    remedy,
    refusal: config.mode === 'require' ? `A sandbox is required, but ${why}. ${remedy ?? ''}` : null,
    wrap: async (argv) => inTheOpen(argv),
  };
}
