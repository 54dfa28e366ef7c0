/** A sign of life within two seconds (issue 2), and for as long as the work takes. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChannelAdapter, ReplyStream } from '../../../src/channels/adapter.ts';
import { systemClock } from '../../../src/domain/runtime.ts';
import type { Turn } from '../../../src/domain/turn.ts';
import { createLiveReplies } from '../../../src/gateway/live-reply.ts';

/** The shortest that a platform shows "is typing" for (Telegram; Discord has ten). */
const SHOWN_FOR_MS = 5_000;

describe('the live reply', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function open(stream: Partial<ReplyStream> = {}) {
    const typed: number[] = [];
    const started = Date.now();
    const adapter = {
      openReply: () => ({ status: vi.fn(), hold: () => undefined, discard: async () => {}, ...stream }),
      typing: async () => void typed.push(Date.now() - started),
    } as unknown as ChannelAdapter;
    const replies = createLiveReplies({ adapter: () => adapter, streaming: () => true, clock: systemClock });
    const turn = { id: 't', input: { where: { channel: 'c', account: 'a', conversation: 'x' } } } as Turn;
    return { typed, replies, live: replies.open(turn), discard: () => replies.discard(turn.id) };
  }

  it('E74: says within two seconds that somebody is at it, and again before the platform lets that lapse', async () => {
    const { typed, discard } = open();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(typed.length).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(28_000);
    for (const [index, at] of typed.entries())
      expect(at - (typed[index - 1] ?? 0)).toBeLessThan(index === 0 ? 2_000 : SHOWN_FOR_MS);
    expect(typed.at(-1)).toBeGreaterThan(30_000 - SHOWN_FOR_MS);
    await discard();
    const before = typed.length;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(typed).toHaveLength(before);
  });

  it('P5: shows nothing more once the turn has ended, as another process may deliver the answer', async () => {
    for (const takenAfterMs of [30_000, 70_000]) {
      const hold = vi.fn(() => undefined);
      const { typed, replies } = open({ hold });
      await vi.advanceTimersByTimeAsync(2_000);
      replies.end('t' as Turn['id']);
      expect(hold).toHaveBeenCalledOnce();
      const before = typed.length;
      await vi.advanceTimersByTimeAsync(takenAfterMs);
      expect(typed).toHaveLength(before);
      expect(replies.take('t' as Turn['id']) !== undefined).toBe(takenAfterMs < 60_000);
    }
  });

  it('says what takes its time, and since when', async () => {
    const status = vi.fn();
    const { live, discard } = open({ status });
    live.status('Running `npm test`');
    await vi.advanceTimersByTimeAsync(15_000);
    expect(status.mock.calls.at(-1)).toEqual([expect.stringMatching(/^Running `npm test` — 1\d(\.\d)? s$/)]);
    live.status(null);
    const before = status.mock.calls.length;
    await vi.advanceTimersByTimeAsync(15_000);
    expect(status.mock.calls).toHaveLength(before);
    await discard();
  });
});
