/** Runs one program in its own process group: output kept in flat memory, time limited, nothing left behind. */
import { spawn } from 'node:child_process';
import type { Clock } from '../../../domain/runtime.ts';
import { createCapture } from './capture.ts';

export type ProcessRequest = {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Output kept in memory and given back. */
  readonly keepBytes: number;
};

export type ProcessResult = {
  /** Both output streams, in the order they arrived. */
  readonly output: string;
  readonly bytes: number;
  readonly leftOutBytes: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly ended: 'exited' | 'timeout' | 'aborted' | 'not-started';
  /** Why it could not be started. */
  readonly problem: string | null;
  readonly durationMs: number;
};

/** Between asking a process to end and killing it: with `/stop`, all must be over within 2 s. */
const TERM_GRACE_MS = 1_000;

/** A background child may hold the output open after the command itself has ended; it is not waited for longer. */
const DRAIN_MS = 200;

/** The whole group; it may be gone already. */
function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // No such process: nothing left to end.
  }
}

/** Never rejects. Resolves when the program has ended and every process of its group was killed. */
export function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  const { argv, cwd, env, timeoutMs, signal, clock, keepBytes } = request;
  const [program = '', ...args] = argv;
  const started = clock.monotonic();
  const capture = createCapture(keepBytes);
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...env },
      // A group of its own, so that all of it can be ended at once.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = child;
    let ended: ProcessResult['ended'] = 'exited';
    let killer: NodeJS.Timeout | undefined;
    let drainer: NodeJS.Timeout | undefined;

    const end = (why: 'timeout' | 'aborted'): void => {
      if (pid === undefined || ended !== 'exited' || child.exitCode !== null || child.signalCode !== null)
        return;
      ended = why;
      signalGroup(pid, 'SIGTERM');
      killer = setTimeout(() => signalGroup(pid, 'SIGKILL'), TERM_GRACE_MS);
    };
    const onAbort = (): void => end('aborted');
    const timer = setTimeout(() => end('timeout'), timeoutMs);
    const finish = (exitCode: number | null, exitSignal: string | null, problem: string | null): void => {
      clearTimeout(timer);
      clearTimeout(killer);
      clearTimeout(drainer);
      signal.removeEventListener('abort', onAbort);
      const { text: output, bytes, leftOutBytes } = capture.result();
      const durationMs = Math.round(clock.monotonic() - started);
      resolve({ output, bytes, leftOutBytes, exitCode, signal: exitSignal, ended, problem, durationMs });
    };

    child.stdout.on('data', (chunk: Buffer) => capture.add(chunk));
    child.stderr.on('data', (chunk: Buffer) => capture.add(chunk));
    child.once('error', (error) => {
      ended = 'not-started';
      finish(null, null, error.message);
    });
    child.once('exit', () => {
      clearTimeout(killer);
      // The command is over; what it left running in its group is not to outlive it.
      if (pid !== undefined) signalGroup(pid, 'SIGKILL');
      drainer = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_MS);
    });
    child.once('close', (code, exitSignal) => finish(code, exitSignal, null));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
