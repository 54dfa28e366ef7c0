/** What is measured, as a process of its own: Parley as an operator starts it, or the bare floor bot. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireLoopback } from './loopback.ts';
import { cpuMs, residentMb } from './machine.ts';
import { ASIDE_MODEL } from './model.ts';
import type { Platform } from './platforms.ts';

const ROOT = join(import.meta.dirname, '..');
const PARLEY = join(ROOT, 'bin/parley.js');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** The flags of Node with which `npm start` starts it. */
const FLAGS: readonly string[] = scripts.start.split(' ').filter((part: string) => part.startsWith('--'));

export type Subject = {
  readonly pid: number;
  readonly readyMs: number;
  cpuMs(): number;
  residentMb(): number;
  /** One figure of its Prometheus metrics; 0 for the floor, which has none. */
  metric(name: string): Promise<number>;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
};

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

function run(args: readonly string[], cwd: string, isReady: RegExp): Promise<Subject> {
  const startedAt = performance.now();
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, args, { cwd, env: { PATH, HOME } });
  children.add(child);
  const exited = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const pid = child.pid ?? 0;
  return new Promise((resolve, reject) => {
    let output: string | undefined = '';
    child.stderr.on('data', (data) => process.stderr.write(data));
    child.stdout.on('data', (data) => {
      if (output === undefined) return;
      output += data;
      const found = isReady.exec(output);
      if (found === null) return;
      output = undefined;
      const url = found[1] === undefined ? undefined : new URL(found[1]).origin;
      resolve({
        pid,
        readyMs: performance.now() - startedAt,
        cpuMs: () => cpuMs(pid),
        residentMb: () => residentMb(pid),
        async metric(name) {
          if (url === undefined) return 0;
          const text = await (await fetch(`${url}/metrics`)).text();
          return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
        },
        async end(signal) {
          child.kill(signal);
          await exited;
          children.delete(child);
        },
      });
    });
    void exited.then(() => reject(new Error(`${args[0]} ended before it was ready:\n${output}`)));
  });
}

export type Folder = { readonly path: string; databaseBytes(): number; remove(): void };

export function createFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  const data = join(path, 'data');
  return {
    path,
    databaseBytes: () =>
      readdirSync(data)
        .filter((name) => /^parley\.db(-wal)?$/.test(name))
        .reduce((sum, name) => sum + statSync(join(data, name)).size, 0),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export type ParleyOptions = {
  readonly platform: Platform;
  readonly modelUrl: string;
  readonly folder: Folder;
  /** Further top-level lines; memory is off unless they say otherwise. */
  readonly yaml?: string;
  readonly memory?: boolean;
  readonly concurrentTurns?: number;
  readonly nodeArgs?: readonly string[];
};

/** Everything as it comes, but for what would stop a load (rates, turns at a time) and what the floor has none of (memory). */
export function startParley(options: ParleyOptions): Promise<Subject> {
  const { platform, modelUrl, folder, concurrentTurns = 256 } = options;
  requireLoopback(modelUrl);
  requireLoopback(platform.floor.platformUrl);
  const yaml = `
server: { port: 0 }
store: { url: "sqlite:data/parley.db" }
channels:
  web: { enabled: false }
  ${platform.yaml}
limits: { messages_per_minute: 1000000, concurrent_turns: ${concurrentTurns} }
memory: { enabled: ${options.memory ?? false} }
reflection: { enabled: ${options.memory ?? false} }
models:
  default: { base_url: "${modelUrl}", api_key: bench, model: bench }
  roles: { btw: { model: ${ASIDE_MODEL} } }
${options.yaml ?? ''}
`;
  writeFileSync(join(folder.path, 'parley.yaml'), yaml);
  const args = [...FLAGS, ...(options.nodeArgs ?? []), PARLEY, 'start', '--config', 'parley.yaml'];
  return run(args, folder.path, /Parley is ready: (\S+)/);
}

export function startFloor(options: {
  readonly platform: Platform;
  readonly modelUrl: string;
  readonly instructions: number;
}): Promise<Subject> {
  const { platform, modelUrl, instructions } = options;
  const program = join(import.meta.dirname, 'floor', `${platform.name}.ts`);
  const given = { ...platform.floor, modelUrl, instructions };
  return run([program, JSON.stringify(given)], tmpdir(), /ready/);
}
