/** Starts a program in a process group of its own, as the sandbox says, and ends the whole group. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { Launch } from './bubblewrap.ts';

/** The first descriptor that a program is given: whoever started it listens there, as long as they live. */
export const LISTENER = 3;

/**
 * Shell text that makes a program end with whoever started it, however that ends: nothing begins when nobody listens any
 * more, and a process of our own waits for the end of the listener and then does `ending`.
 */
export const endingUnheard = (ending: string): string =>
  `echo >&${LISTENER} || exit 125; ( (cd /; trap '' TERM HUP INT; read -r _ <&${LISTENER}; ${ending}) ` +
  `>/dev/null 2>&1 </dev/null & ); exec ${LISTENER}>&-; `;

/** In the open: all of its process group ends with whoever started it. */
export const inTheOpen = (argv: readonly string[]): Launch => ({
  argv: ['/bin/sh', '-c', `${endingUnheard('kill -9 0')}exec "$@"`, 'sh', ...argv],
  descriptors: [{ kind: 'listener' }],
});

/** @param input what the program reads: nothing, or what is written to it */
export function launch(
  { argv: [program = '', ...args], descriptors }: Launch,
  cwd: string,
  env: Readonly<Record<string, string>>,
  input: 'ignore' | 'pipe',
): ChildProcess {
  const files = descriptors.map((one) => (one.kind === 'file' ? openSync(one.path, 'r') : null));
  try {
    const child = spawn(program, args, {
      cwd,
      env: { ...env },
      // A group of its own, so that all of it can be ended at once.
      detached: true,
      stdio: [input, 'pipe', 'pipe', ...files.map((file) => file ?? ('pipe' as const))],
    });
    for (const [index, one] of descriptors.entries()) {
      const pipe = child.stdio[index + 3];
      // A program that ended before it read this closes the pipe; how it ended is reported elsewhere.
      pipe?.on('error', () => undefined);
      if (one.kind === 'bytes') (pipe as Writable | undefined)?.end(one.bytes);
      else (pipe as Readable | undefined)?.resume();
    }
    return child;
  } finally {
    for (const file of files) if (file !== null) closeSync(file);
  }
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
