/** Telegram's live reply by itself: its sign of life, and the pace of its edits (F14). */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createReplyStream } from '../../../../src/channels/telegram/reply-stream.ts';
import { createSpareCalls, type SpareCalls } from '../../../../src/channels/telegram/spare-calls.ts';
import { AppError } from '../../../../src/domain/errors.ts';
import { type Logger, systemClock } from '../../../../src/domain/runtime.ts';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const EDIT_EVERY_MS = 3_000;

describe("Telegram's live reply", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function open(
    refuse: () => AppError | undefined = () => undefined,
    spare: SpareCalls = createSpareCalls(systemClock),
  ) {
    const shown: string[] = [];
    const stream = createReplyStream({
      surface: {
        async put({ html }) {
          const refusal = refuse();
          if (refusal !== undefined) throw refusal;
          shown.push(html);
        },
        isOpen: () => shown.length > 0,
        place: async () => [],
        remove: async () => {},
      },
      editEveryMs: EDIT_EVERY_MS,
      spare,
      clock: systemClock,
      log,
    });
    return { shown, stream };
  }

  it('E74: is there within two seconds, with its Stop button, also when nothing was said', async () => {
    const { shown, stream } = open();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(shown).toEqual([expect.stringContaining('Working…')]);
    await stream.discard();
  });

  it('F14: many at once are not shown faster than the bot may speak; the rest follow', async () => {
    const spare = createSpareCalls(systemClock);
    const replies = Array.from({ length: 50 }, () => open(undefined, spare));
    for (const { stream } of replies) stream.append('one');
    const count = () => replies.flatMap(({ shown }) => shown).length;
    await vi.advanceTimersByTimeAsync(500);
    expect(count()).toBe(20);
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS);
    expect(count()).toBe(40);
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS);
    expect(count()).toBe(50);
    for (const { stream } of replies) await stream.discard();
  });

  it('F14: shows the newest text at the pace of the place, and waits as long as it is told to', async () => {
    let waits = 0;
    const { shown, stream } = open(() =>
      waits-- > 0
        ? new AppError('channel.rate_limited', 'slow down', { details: { retryAfterMs: 7_000 } })
        : undefined,
    );
    stream.append('one');
    await vi.advanceTimersByTimeAsync(500);
    expect(shown).toEqual(['one']);
    waits = 1;
    stream.append(' two');
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS);
    stream.append(' three');
    await vi.advanceTimersByTimeAsync(6_000);
    expect(shown).toEqual(['one']);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(shown).toEqual(['one', 'one two three']);
    await stream.discard();
  });
});
