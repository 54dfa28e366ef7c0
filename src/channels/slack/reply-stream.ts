/**
 * The live reply in Slack: collects what is to be shown, shows it at a legal rate, and gives the draft up to the
 * authoritative message at the end.
 */
import { errorMessage } from '../../domain/errors.ts';
import type { DeliveryKey, MessageRef, OutboundMessage } from '../../domain/message.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import type { ReplyStream } from '../adapter.ts';
import { askedWait, patiently } from '../patience.ts';
import { duration } from './blocks.ts';
import type { LiveMessage, Task } from './live-message.ts';

/** `chat.update` allows about 50 a minute, `chat.appendStream` more. */
export const EDIT_EVERY_MS = 1_200;
/** A quick answer needs no draft; a slow one shows a sign of life within two seconds. */
const FIRST_AFTER_MS = 1_000;
const started: Task = { id: 'start', title: 'Thinking', status: 'in_progress' };

export type ReplyStreamDeps = {
  /** Resolves to where it is shown; null: nowhere, only the end is posted. */
  readonly open: () => Promise<LiveMessage | null>;
  /** Makes the drafts into the final message; with none, posts it. @throws AppError `channel.*` */
  readonly settle: (
    drafts: readonly string[],
    message: OutboundMessage,
    key: DeliveryKey,
  ) => Promise<MessageRef[]>;
  readonly remove: (ts: string) => Promise<void>;
  /** The drafts are no more, or are the answer now: a later process must not take them over. Never throws. */
  readonly forget: () => Promise<void>;
  /** Nothing is being written any more. May be called again. */
  readonly onEnd: () => void;
  readonly clock: Clock;
  readonly log: Logger;
};

export function createReplyStream(deps: ReplyStreamDeps): ReplyStream {
  const { clock, log } = deps;
  let text = '';
  let tasks: Task[] = [started];
  let number = 0;
  let live: LiveMessage | null | undefined;
  let over = false;
  let dirty = false;
  let working: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let nextAt = clock.monotonic() + FIRST_AFTER_MS;

  const touch = (): void => {
    dirty = true;
    if (over || working !== undefined || timer !== undefined) return;
    timer = setTimeout(flush, Math.max(0, nextAt - clock.monotonic()));
  };

  function flush(): void {
    timer = undefined;
    if (over) return;
    dirty = false;
    working = show().finally(() => {
      working = undefined;
      if (dirty) touch();
    });
  }

  async function show(): Promise<void> {
    try {
      live ??= await deps.open();
      await live?.show({ text, tasks });
      nextAt = clock.monotonic() + EDIT_EVERY_MS;
    } catch (error) {
      // Only a sketch: the next try shows all of it, and the end is sent whatever happens here.
      nextAt = clock.monotonic() + Math.max(EDIT_EVERY_MS, askedWait(error) ?? 0);
      log.debug({ detail: errorMessage(error) }, 'a live reply could not be shown for now');
    }
  }

  /** Restarts show nothing twice: what was streamed of a dropped answer goes with its message. */
  async function drop(): Promise<void> {
    const shown = live;
    live = undefined;
    await shown?.close();
    for (const ts of shown?.messages ?? []) await deps.remove(ts);
    await deps.forget();
  }

  function hold(): Promise<void> | undefined {
    clearTimeout(timer);
    timer = undefined;
    dirty = false;
    deps.onEnd();
    return working;
  }

  async function end(): Promise<void> {
    over = true;
    await hold();
    await live?.close();
  }

  touch();

  return {
    append(delta) {
      if (text === '') setTask({ ...started, status: 'complete' });
      text += delta;
      touch();
    },
    status(now) {
      if (now === null) return;
      setTask({ ...started, status: 'complete' });
      setTask({ id: `step-${number}`, title: now, status: 'in_progress' });
    },
    step(step) {
      setTask({
        id: `step-${number}`,
        title: `${step.title} — ${duration(step.durationMs)}`,
        status: step.ok ? 'complete' : 'error',
      });
      number += 1;
    },
    reset() {
      if (text === '') return;
      text = '';
      const before = working ?? Promise.resolve();
      working = before
        .then(drop)
        .catch(() => undefined)
        .finally(() => {
          working = undefined;
          touch();
        });
    },
    hold,
    async finish(message, key) {
      await end();
      // Settling is cheap to repeat, throwing the draft away is not.
      const refs = await patiently(() => deps.settle(live?.messages ?? [], message, key));
      await deps.forget();
      deps.onEnd();
      return refs;
    },
    async discard() {
      await end();
      await drop().catch((error: unknown) =>
        log.debug({ detail: errorMessage(error) }, 'a draft could not be removed'),
      );
      deps.onEnd();
    },
  };

  function setTask(task: Task): void {
    const known = tasks.some((one) => one.id === task.id);
    tasks = known ? tasks.map((one) => (one.id === task.id ? task : one)) : [...tasks, task];
    touch();
  }
}
