import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const PROGRAM = join(import.meta.dirname, '../../../fakes/discord-closed-early.ts');

/** The timer in question runs for 40 s; without it the process ends at once. */
const PATIENCE_MS = 30_000;

it('F43: a connection that is closed before Hello leaves no timer behind that keeps the process', async () => {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.on('data', () => void setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS).unref());
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
});
