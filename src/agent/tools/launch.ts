/** Starts a program in a process group of its own, as the sandbox says, and ends the whole group. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { Launch } from './bubblewrap.ts';

/** @param input what the program reads: nothing, or what is written to it */
export function launch(
  { argv: [program = '', ...args], descriptors }: Launch,
  cwd: string,
  env: Readonly<Record<string, string>>,
  input: 'ignore' | 'pipe',
): ChildProcess {
  const child = spawn(program, args, {
    cwd,
    env: { ...env },
    // A group of its own, so that all of it can be ended at once.
    detached: true,
    stdio: [input, 'pipe', 'pipe', ...descriptors.map(() => 'pipe' as const)],
  });
  for (const [index, content] of descriptors.entries()) {
    const pipe = child.stdio[index + 3];
    // A program that ended before it read this closes the pipe; how it ended is reported elsewhere.
    pipe?.on('error', () => undefined);
    (pipe as Writable | undefined)?.end(content);
  }
  return child;
}

/** The group may be gone already. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // No such process: nothing left to end.
  }
}

export const endGroup = (pid: number): void => signalGroup(pid, 'SIGKILL');
