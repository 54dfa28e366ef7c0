/** Runs one program in its own process group: output kept in flat memory, time limited, nothing left behind. */
import type { ChildProcess } from 'node:child_process';
import { errorMessage } from '../../../domain/errors.ts';
import type { Clock } from '../../../domain/runtime.ts';
import type { Launch } from '../bubblewrap.ts';
import { launch, signalGroup } from '../launch.ts';
import { createCapture } from './capture.ts';

export type ProcessRequest = {
  readonly run: Launch;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Output of each stream kept in memory and given back. */
  readonly keepBytes: number;
};

export type ProcessResult = {
  /** Both output streams, in the order they arrived; one after the other where that was too much to keep. */
  readonly output: string;
  /** Each for itself: neither takes the other's room. */
  readonly stdout: string;
  readonly stderr: string;
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

/** What the system calls it, in words for the model. */
const causes = new Map([
  ['ENOENT', 'there is no such program'],
  ['EACCES', 'permission denied'],
  ['E2BIG', 'its arguments are too long'],
  ['ENOEXEC', 'it is not a program'],
]);

/** The streams one after the other, where both said something. */
export const partsOf = (stdout: string, stderr: string): string[] =>
  [stdout, stderr === '' || stdout === '' ? stderr : `[error output]\n${stderr}`].filter(
    (part) => part !== '',
  );

function causeOf(error: unknown, [program]: readonly string[]): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const cause = causes.get(code);
  return cause === undefined ? errorMessage(error) : `${program}: ${cause}`;
}

const notStarted = (problem: string): ProcessResult => ({
  output: '',
  stdout: '',
  stderr: '',
  bytes: 0,
  leftOutBytes: 0,
  exitCode: null,
  signal: null,
  ended: 'not-started',
  problem,
  durationMs: 0,
});

/** Resolves when the program has ended and every process of its group was killed. Never rejects. */
export async function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  try {
    return await watch(request, launch(request.run, request.cwd, request.env, 'ignore'));
  } catch (error) {
    // Arguments that can be passed to no program: a NUL character, too many of them.
    return notStarted(causeOf(error, request.run.argv));
  }
}

function watch(request: ProcessRequest, child: ChildProcess): Promise<ProcessResult> {
  const { timeoutMs, signal, clock, keepBytes } = request;
  const { pid } = child;
  const started = clock.monotonic();
  const [stdout, stderr, both] = [
    createCapture(keepBytes),
    createCapture(keepBytes),
    createCapture(keepBytes),
  ];
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
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();

  for (const [stream, capture] of [[child.stdout, stdout] as const, [child.stderr, stderr] as const]) {
    stream?.on('data', (chunk: Buffer) => {
      capture.add(chunk);
      both.add(chunk);
    });
  }
  child.once('exit', () => {
    clearTimeout(killer);
    // The command is over; what it left running in its group is not to outlive it.
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
    drainer = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, DRAIN_MS);
  });
  return new Promise<ProcessResult>((resolve) => {
    child.once('error', (error) => resolve(notStarted(causeOf(error, request.run.argv))));
    child.once('close', (exitCode, exitSignal) => {
      const [out, errors, joined] = [stdout.result(), stderr.result(), both.result()];
      const durationMs = Math.round(clock.monotonic() - started);
      resolve({
        output: joined.leftOutBytes === 0 ? joined.text : partsOf(out.text, errors.text).join('\n'),
        stdout: out.text,
        stderr: errors.text,
        bytes: joined.bytes,
        leftOutBytes: out.leftOutBytes + errors.leftOutBytes,
        exitCode,
        signal: exitSignal,
        ended,
        problem: null,
        durationMs,
      });
    });
  }).finally(() => {
    clearTimeout(timer);
    clearTimeout(killer);
    clearTimeout(drainer);
    signal.removeEventListener('abort', onAbort);
  });
}
