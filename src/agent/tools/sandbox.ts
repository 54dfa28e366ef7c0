/**
 * Where commands and MCP servers run: inside bubblewrap when it works here, else in the open, and then everybody is
 * told. The analysis of a command decides when to ask; this decides what can happen.
 */
import { bubblewrapped, type Launch, type Place } from './bubblewrap.ts';
import { launch } from './launch.ts';
import { SYSTEM_PATH } from './shell/environment.ts';

export type SandboxMode = 'auto' | 'require' | 'off';

export type SandboxConfig = {
  readonly mode: SandboxMode;
  /** Files and folders of the gateway (database, configuration, `.env`) that commands must not see. */
  readonly hide: readonly string[];
};

export type Sandbox = {
  readonly active: boolean;
  /** "bubblewrap, no network" or why there is none, for card, start and `doctor`. */
  describe(network: boolean): string;
  /** Set when nothing must run at all: what is missing and how to mend it. */
  readonly refusal: string | null;
  /** The command that runs `argv` inside; unchanged when there is no sandbox. */
  wrap(argv: readonly string[], place: Place): Launch;
};

const REMEDY =
  'Install bubblewrap (`apt-get install bubblewrap`) and allow unprivileged user namespaces, ' +
  'or set tools.shell.sandbox to "auto".';

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
  const why = config.mode === 'off' ? 'turned off' : await probeFor(config);
  if (why === null) {
    return {
      active: true,
      describe: (network) => (network ? 'bubblewrap, with network' : 'bubblewrap, no network'),
      refusal: null,
      wrap: (argv, place) => bubblewrapped(argv, place, config.hide),
    };
  }
  return {
    active: false,
    describe: () => `none (${why})`,
    refusal: config.mode === 'require' ? `A sandbox is required, but ${why}. ${REMEDY}` : null,
    wrap: (argv) => ({ argv, descriptors: [] }),
  };
}
