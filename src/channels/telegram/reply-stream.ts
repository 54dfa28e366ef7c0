/**
 * Telegram's live reply: shown no faster than the chat allows, and only once there is something to show, so that a
 * quick answer comes as one message.
 */
import { errorMessage } from '../../domain/errors.ts';
import type { StepLine } from '../../domain/message.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import type { ReplyStream } from '../adapter.ts';
import { askedWait, patiently } from '../patience.ts';
import { escapeHtml, neutral, renderMarkdown } from './format.ts';
import { MAX_HTML, splitToFit, stepsHtml } from './parts.ts';
import type { SpareCalls } from './spare-calls.ts';
import type { Sketch, Surface } from './surfaces.ts';

export type ReplyStreamDeps = {
  readonly surface: Surface;
  /** Least time between two edits. */
  readonly editEveryMs: number;
  readonly spare: SpareCalls;
  readonly clock: Clock;
  readonly log: Logger;
};

/** The first words gather for this long, so that a short answer is one message and no edit. */
const FIRST_AFTER_MS = 400;
/** Without words yet: the sign of life, beside "typing". */
const SIGN_AFTER_MS = 1_500;
/** Room for steps, status and the mark of what is left out above. */
const RESERVE = 1_200;

export function createReplyStream(deps: ReplyStreamDeps): ReplyStream {
  const { surface, clock } = deps;
  let text = '';
  let isCut = false;
  let status: string | null = null;
  let steps: readonly StepLine[] = [];
  let shown = '';
  let isOver = false;
  let isBroken = false;
  let nextAt = clock.monotonic() + FIRST_AFTER_MS;
  let timer: NodeJS.Timeout | undefined = setTimeout(() => void flush(), SIGN_AFTER_MS);
  let working: Promise<void> = Promise.resolve();
  let isDirty = false;
  /** The timer is for what is to be shown, and not only for the sign of life. */
  let isDue = false;

  function touch(): void {
    isDirty = true;
    if (isOver || isBroken || isDue) return;
    isDue = true;
    clearTimeout(timer);
    timer = setTimeout(() => void flush(), Math.max(0, nextAt - clock.monotonic()));
  }

  function flush(): Promise<void> {
    isDirty = false;
    isDue = false;
    nextAt = clock.monotonic() + deps.editEveryMs;
    working = working.then(show);
    return working;
  }

  async function show(): Promise<void> {
    if (isOver || isBroken) return;
    if (!deps.spare.take()) {
      touch();
      return;
    }
    try {
      const sketch = await render();
      if (sketch.html === shown) return;
      await surface.put(sketch);
      shown = sketch.html;
    } catch (error) {
      const wait = askedWait(error);
      // Too fast: the newest text is shown once that is allowed again.
      if (wait !== undefined) {
        nextAt = clock.monotonic() + wait;
        isDirty = true;
      } else {
        isBroken = true;
        deps.log.warn({ detail: errorMessage(error) }, 'live reply gave up');
      }
    }
    if (isDirty) touch();
  }

  async function render(): Promise<Sketch> {
    const source = text;
    const parts = await splitToFit(source, MAX_HTML - RESERVE);
    const last = parts.at(-1);
    // Only its end is shown from now on, so that the cost of a view does not grow with the answer.
    if (parts.length > 1 && last !== undefined && text.startsWith(source)) {
      isCut = true;
      text = goesOn(last, source) + text.slice(source.length);
    }
    const html = renderMarkdown(last ?? '');
    const doing = status ?? (html === '' ? 'Working…' : null);
    const lines = [
      ...(steps.length === 0 ? [] : [stepsHtml(steps)]),
      ...(isCut ? ['…'] : []),
      ...(html === '' ? [] : [html]),
      ...(doing === null ? [] : [statusHtml(doing)]),
    ];
    return { html: lines.join('\n'), markdown: last ?? '', doing };
  }

  function hold(): Promise<void> {
    clearTimeout(timer);
    isDirty = false;
    isDue = false;
    return working;
  }

  async function close(): Promise<void> {
    isOver = true;
    await hold();
  }

  return {
    append(delta) {
      text += delta;
      touch();
    },
    status(now) {
      status = now;
      // Before there is a message, doing something is no reason for one: the sign of life comes by itself.
      if (surface.isOpen() || text !== '') touch();
    },
    step(step) {
      steps = [...steps, step];
      if (surface.isOpen() || text !== '') touch();
    },
    reset() {
      text = '';
      isCut = false;
      if (surface.isOpen()) touch();
    },
    hold,
    async finish(message, key) {
      await close();
      return patiently(() => surface.place(message, key));
    },
    async discard() {
      await close();
      try {
        await patiently(() => surface.remove());
      } catch (error) {
        deps.log.warn({ detail: errorMessage(error) }, 'live reply could not be removed');
      }
    },
  };
}

/** "Running `npm test` — 12 s": the command as code, whatever it holds. */
const statusHtml = (doing: string): string =>
  `<i>${escapeHtml(neutral(doing.slice(0, 200))).replace(/`([^`]+)`/g, '<code>$1</code>')}</i>`;

/** The last part in a form that more text can be added to: with its white space, and its code block open again. */
function goesOn(part: string, text: string): string {
  const space = /\s*$/.exec(text)?.[0] ?? '';
  const isClosed = /(?:^|\n)`{3,}$/.test(text.trimEnd());
  return (isClosed ? part : part.replace(/\n`{3,}$/, '')) + space;
}
