/**
 * `npm run bench:start`: start to ready and memory when idle, beside a bare Node process in the same run as the floor.
 * Everything runs on loopback in a folder of its own.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../bin/parley.js');
const RUNS = 7;
/** Long enough for the garbage of starting to be collected. */
const SETTLE_MS = 3_000;

type Sample = { readonly readyMs: number; readonly idleMb: number };

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function residentMb(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1024;
}

/** From spawning the process to the line `ready` matches; then its memory once it has settled. */
function measure(args: readonly string[], ready: RegExp): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  const startedAt = performance.now();
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, args, { cwd: folder, env: { PATH, HOME } });
  return new Promise((resolve, reject) => {
    let output = '';
    let readyMs = 0;
    child.stderr.on('data', (data) => process.stderr.write(data));
    child.stdout.on('data', (data) => {
      output += data;
      if (readyMs !== 0 || !ready.test(output)) return;
      readyMs = performance.now() - startedAt;
      setTimeout(() => {
        const idleMb = residentMb(child.pid ?? 0);
        child.on('close', () => {
          rmSync(folder, { recursive: true, force: true });
          resolve({ readyMs, idleMb });
        });
        child.kill('SIGTERM');
      }, SETTLE_MS);
    });
    child.on('error', reject);
  });
}

const bare = ['-e', 'require("http").createServer().listen(0, "127.0.0.1", () => console.log("ready"))'];
const samples: { parley: Sample; floor: Sample }[] = [];
for (let run = 0; run <= RUNS; run++) {
  const floor = await measure(bare, /ready/);
  const parley = await measure([PROGRAM, 'start'], /Parley is ready/);
  // The first run warms the disk cache and does not count.
  if (run > 0) samples.push({ parley, floor });
}

const figure = (name: string, of: (sample: Sample) => number) => ({
  name,
  parley: Math.round(median(samples.map(({ parley }) => of(parley)))),
  floor: Math.round(median(samples.map(({ floor }) => of(floor)))),
});
const figures = [
  figure('start to ready, ms', (sample) => sample.readyMs),
  figure('resident memory idle, MB', (sample) => sample.idleMb),
];
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
process.stdout.write(
  `${machine}; web channel, SQLite, demo model; median of ${RUNS} runs; floor: a bare Node HTTP server\n`,
);
for (const { name, parley, floor } of figures)
  process.stdout.write(
    `${name.padEnd(26)} ${String(parley).padStart(6)}  floor ${String(floor).padStart(5)}\n`,
  );
process.stdout.write(`${JSON.stringify({ machine, runs: RUNS, figures })}\n`);
