/** Asking a model before the record of it is written. */
import { setTimeout } from 'node:timers/promises';
import type { Live, Run } from './run.ts';

/** An answer that is there by then is written together with the record of its call, in one commit. */
const TOGETHER_MS = 10;

export type Watch = Pick<Run, 'signal' | 'live'> & {
  /** Writes the record of the call, unless it is written. @throws what keeps it from being durable */
  record(): Promise<void>;
};

export type Answered<T> = {
  readonly reply: T;
  /** False: the record is to be written with the first that comes of the reply. */
  readonly isRecorded: boolean;
};

/**
 * The question leaves, and a moment later it is made durable that it was asked. Until that is so nothing of the answer is
 * shown or used: after a crash there is then either the record, or no trace of the call at all (F3).
 * @param record makes the record durable
 */
export async function whileRecording<T>(
  record: () => Promise<void>,
  run: Pick<Run, 'signal' | 'live'>,
  ask: (watch: Watch) => Promise<T>,
): Promise<Answered<T>> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(run.signal.reason);
  if (run.signal.aborted) onAbort();
  run.signal.addEventListener('abort', onAbort, { once: true });
  let recorded: Promise<void> | undefined;
  const recordOnce = (): Promise<void> => {
    recorded ??= record();
    return recorded;
  };
  try {
    const { live, open } = held(run.live);
    const asking = ask({ signal: stop.signal, live, record: recordOnce });
    // Whichever fails first: the other is not left unheard.
    asking.catch(() => {});
    const isQuick = await Promise.race([
      asking.then(
        () => true,
        () => false,
      ),
      setTimeout(TOGETHER_MS, false),
    ]);
    if (isQuick && recorded === undefined) return { reply: await asking, isRecorded: false };
    await recordOnce().catch((error: unknown) => {
      stop.abort();
      throw error;
    });
    open();
    return { reply: await asking, isRecorded: true };
  } finally {
    run.signal.removeEventListener('abort', onAbort);
  }
}

/** Keeps what is to be shown until it may be. */
function held(live: Live): { readonly live: Live; open(): void } {
  let waiting: (() => void)[] | undefined = [];
  const show = (work: () => void): void => {
    if (waiting === undefined) work();
    else waiting.push(work);
  };
  return {
    live: {
      delta: (text) => show(() => live.delta(text)),
      reset: () => show(() => live.reset()),
      status: (text) => show(() => live.status(text)),
      step: (step) => show(() => live.step(step)),
      hold: () => live.hold(),
    },
    open() {
      const kept = waiting ?? [];
      waiting = undefined;
      for (const work of kept) work();
    },
  };
}
