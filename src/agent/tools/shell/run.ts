/** Runs one program in its own process group: output passed on as it comes, time limited, nothing left behind. */
import type { ChildProcess } from 'node:child_process';
import { errorMessage } from '../../../domain/errors.ts';
import type { Clock } from '../../../domain/runtime.ts';
import type { Launch } from '../bubblewrap.ts';
import { launch, signalGroup } from '../launch.ts';
import type { OutputStream, OutputStreams } from '../output.ts';

export type ProcessRequest = {
  readonly run: Launch;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Takes both output streams; while there is no room, the program waits. */
  readonly output: OutputStreams;
  /** Of both streams; the program is ended when it says more. */
  readonly maxBytes: number;
};

/** Why the program was ended, or how it came to its end. */
type Ended = 'exited' | 'timeout' | 'aborted' | 'too-much' | 'not-stored' | 'not-started';

export type ProcessResult = {
  /** Of both output streams, as far as they were passed on. */
  readonly bytes: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly ended: Ended;
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

function causeOf(error: unknown, [program]: readonly string[]): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const cause = causes.get(code);
  return cause === undefined ? errorMessage(error) : `${program}: ${cause}`;
}

const notStarted = (problem: string): ProcessResult => ({
  bytes: 0,
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
  const { timeoutMs, signal, clock, output, maxBytes } = request;
  const { pid } = child;
  const started = clock.monotonic();
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const close = (): void => {
    for (const stream of streams) stream.destroy();
  };
  const drain = createDrain(clock, close);
  let bytes = 0;
  let ended: Ended = 'exited';
  let killer: NodeJS.Timeout | undefined;

  const end = (why: Ended): void => {
    if (pid === undefined) return;
    const isFirst = ended === 'exited';
    if (isFirst) ended = why;
    if (child.exitCode !== null || child.signalCode !== null) {
      close();
    } else if (isFirst) {
      signalGroup(pid, 'SIGTERM');
      killer = setTimeout(() => signalGroup(pid, 'SIGKILL'), TERM_GRACE_MS);
    }
  };
  const onAbort = (): void => end('aborted');
  const timer = setTimeout(() => end('timeout'), timeoutMs);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();

  const pass = (chunk: Buffer, to: OutputStream): void => {
    const taken = chunk.subarray(0, maxBytes - bytes);
    bytes += taken.length;
    const room = to.add(taken);
    if (taken.length < chunk.length) end('too-much');
    if (output.isRefused) end('not-stored');
    if (room === null) return;
    for (const stream of streams) stream.pause();
    drain.pause();
    void room.then(() => {
      if (output.isRefused) end('not-stored');
      drain.resume();
      for (const stream of streams) stream.resume();
    });
  };
  for (const [stream, title] of [[child.stdout, ''] as const, [child.stderr, '[error output]'] as const]) {
    const to = output.stream(title);
    stream?.on('data', (chunk: Buffer) => pass(chunk, to));
  }
  child.once('exit', () => {
    clearTimeout(timer);
    clearTimeout(killer);
    // The command is over; what it left running in its group is not to outlive it.
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
    drain.begin();
  });
  return new Promise<ProcessResult>((resolve) => {
    child.once('error', (error) => resolve(notStarted(causeOf(error, request.run.argv))));
    child.once('close', (exitCode, exitSignal) => {
      const durationMs = Math.round(clock.monotonic() - started);
      resolve({ bytes, exitCode, signal: exitSignal, ended, problem: null, durationMs });
    });
  }).finally(() => {
    clearTimeout(timer);
    clearTimeout(killer);
    drain.stop();
    signal.removeEventListener('abort', onAbort);
  });
}

/** The time that the rest of the output has after the end of the command; while nothing is read it stands still. */
function createDrain(clock: Clock, close: () => void) {
  let left = DRAIN_MS;
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  let hasBegun = false;
  let isPaused = false;
  const run = (): void => {
    if (!hasBegun || isPaused) return;
    since = clock.monotonic();
    timer = setTimeout(close, left);
  };
  return {
    begin(): void {
      hasBegun = true;
      run();
    },
    pause(): void {
      if (hasBegun && !isPaused) left = Math.max(0, left - (clock.monotonic() - since));
      isPaused = true;
      clearTimeout(timer);
    },
    resume(): void {
      if (!isPaused) return;
      isPaused = false;
      run();
    },
    stop: (): void => clearTimeout(timer),
  };
}
