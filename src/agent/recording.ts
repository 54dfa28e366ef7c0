/** Asking a model while the record of it is being written. */
import type { Live, Run } from './run.ts';

export type Watch = Pick<Run, 'signal' | 'live'> & {
  /** Settles once the record of the call is durable, or cannot be. */
  readonly recorded: Promise<void>;
};

/**
 * The question leaves while it becomes durable that it was asked. Until that is so nothing of the answer is shown or
 * used: after a crash there is then either the record, or no trace of the call at all (F3).
 */
export async function whileRecording<T>(
  recorded: Promise<void>,
  run: Pick<Run, 'signal' | 'live'>,
  ask: (watch: Watch) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(run.signal.reason);
  if (run.signal.aborted) onAbort();
  run.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { live, open } = held(run.live);
    const asking = ask({ signal: stop.signal, live, recorded });
    // Whichever fails first: the other is not left unheard.
    asking.catch(() => {});
    await recorded.catch((error: unknown) => {
      stop.abort();
      throw error;
    });
    open();
    return await asking;
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
    },
    open() {
      const kept = waiting ?? [];
      waiting = undefined;
      for (const work of kept) work();
    },
  };
}
