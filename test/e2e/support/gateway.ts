/** The whole program as a child process in a folder of its own, as an operator runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runWarm } from './warm-cli.ts';

export const ROOT = join(import.meta.dirname, '../../..');
const PROGRAM = join(ROOT, 'bin/parley.js');

export type RunResult = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type GatewayFolder = {
  readonly path: string;
  writeConfig(yaml: string): void;
  /** Runs a command to its end, as a process. */
  cli(...args: string[]): Promise<RunResult>;
  /** The same with the folder's configuration, by a process that is there already. */
  look(...args: string[]): Promise<RunResult>;
  /** What that prints, as parsed JSON lines. */
  json<T>(...args: string[]): Promise<T[]>;
  /** Starts the gateway; resolves when it says that it is ready. */
  start(options?: StartOptions): Promise<RunningGateway>;
  remove(): void;
};

export type StartOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** Runs it under a shell with this prefix, e.g. a file-size limit. */
  readonly prefix?: string;
};

export type RunningGateway = {
  readonly url: string;
  readonly token: string | null;
  readonly pid: number;
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** Resolves to the exit code (null when killed). */
  exited: Promise<number | null>;
  kill(): Promise<void>;
  stop(): Promise<number | null>;
};

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG } = process.env;
  return { PATH, HOME, LANG, ...extra };
}

export function createFolder(): GatewayFolder {
  const path = mkdtempSync(join(tmpdir(), 'parley-'));
  const look = (...args: string[]): Promise<RunResult> =>
    runWarm(path, [...args, '--config', 'parley.yaml'], environment());
  return {
    path,
    writeConfig: (yaml) => writeFileSync(join(path, 'parley.yaml'), yaml),
    cli: (...args) => run(path, args),
    look,
    async json<T>(...args: string[]) {
      const { code, stdout, stderr } = await look(...args);
      if (code !== 0) throw new Error(`${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as T);
    },
    start: (options = {}) => startGateway(path, options),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

function run(cwd: string, args: readonly string[]): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { cwd, env: environment() });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

function startGateway(cwd: string, options: StartOptions): Promise<RunningGateway> {
  const args = [process.execPath, PROGRAM, 'start', '--config', 'parley.yaml'];
  const env = environment(options.env);
  const child =
    options.prefix === undefined
      ? spawn(args[0] ?? '', args.slice(1), { cwd, env })
      : spawn('bash', ['-c', `${options.prefix} exec "$@"`, 'bash', ...args], { cwd, env });
  running.add(child);
  let output = '';
  const exited = new Promise<number | null>((resolve) =>
    child.on('close', (code) => {
      running.delete(child);
      resolve(code);
    }),
  );
  return new Promise((resolve, reject) => {
    const onData = (data: Buffer): void => {
      output += data;
      const match = /Parley is ready: (\S+)/.exec(output);
      if (match?.[1] === undefined) return;
      const url = new URL(match[1]);
      resolve({
        url: url.origin,
        token: url.searchParams.get('token'),
        pid: child.pid ?? 0,
        output: () => output,
        signal: (signal) => void child.kill(signal),
        exited,
        async kill() {
          child.kill('SIGKILL');
          await exited;
        },
        async stop() {
          child.kill('SIGTERM');
          return exited;
        },
      });
    };
    child.stdout?.on('data', onData);
    child.stderr?.on('data', onData);
    child.on('error', reject);
    void exited.then((code) =>
      reject(new Error(`the gateway ended with ${code} before it was ready:\n${output}`)),
    );
  });
}

/** Waits for a condition that some other process brings about; the bound only ends a test that has failed. */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
