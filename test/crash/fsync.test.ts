/**
 * That a kill loses nothing proves little about a power cut: the page cache outlives the process. So the system calls
 * are counted: nothing is acknowledged before the disk has it (P1, F11).
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const CALLS = 'trace=write,fsync,fdatasync';
const ROUNDS = 12;

it('P1, F11: between what was acknowledged before and the next acknowledgement there is an fsync', async ({
  skip,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-'));
  const trace = join(folder, 'trace');
  try {
    // Not installed, or forbidden to look at other processes.
    if (spawnSync('strace', ['-o', trace, 'true']).status !== 0) skip('strace does not work here');
    const program = fileURLToPath(new URL('../contract/store/writer-child.ts', import.meta.url));
    const writer = [process.execPath, program, `sqlite:${join(folder, 'parley.db')}`];
    const child = spawn('strace', ['-f', '-qq', '-e', CALLS, '-o', trace, ...writer], {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
      if (output.includes(`ack ${ROUNDS}-`)) process.kill(-(child.pid ?? 0), 'SIGKILL');
    });
    await new Promise((resolve) => child.on('close', resolve));

    let synced = false;
    let syncs = 0;
    let acknowledged = '';
    const early: string[] = [];
    for (const line of readFileSync(trace, 'utf8').split('\n')) {
      if (/\bf(data)?sync\(/.test(line)) {
        synced = true;
        syncs += 1;
      }
      const round = /write\(1, "ack (\d+)-/.exec(line)?.[1];
      if (round === undefined || round === acknowledged) continue;
      if (!synced) early.push(line);
      acknowledged = round;
      synced = false;
    }
    expect(Number(acknowledged)).toBeGreaterThanOrEqual(ROUNDS);
    expect(early).toEqual([]);
    // A round of three messages shares one commit, and a commit is one fsync: this one is not much slower than it must be.
    expect(syncs).toBeLessThan(ROUNDS * 3 + 30);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
