/** The live reply keeps to the pace that is allowed (F14), and its final text counts. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DiscordApi } from '../../../../src/channels/discord/api.ts';
import { createDrafts } from '../../../../src/channels/discord/drafts.ts';
import {
  createCrowd,
  createReplyStream,
  EDIT_EVERY_MS,
  FIRST_AFTER_MS,
} from '../../../../src/channels/discord/reply-stream.ts';
import { AppError } from '../../../../src/domain/errors.ts';
import type { Logger } from '../../../../src/domain/runtime.ts';
import { createMemoryKeyValue } from '../../../fakes/memory-feed.ts';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

type Sent = { content?: string; components?: readonly unknown[] };
const labels = (components: readonly unknown[]): string[] =>
  [...JSON.stringify(components).matchAll(/"label":"([^"]*)"/g)].map(([, label = '']) => label);

describe("Discord's live reply", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function open(
    refuse: () => AppError | undefined,
    isCrowded = () => false,
    isFirst = false,
    crowd = createCrowd(),
  ) {
    const calls: string[] = [];
    const act = async (what: string): Promise<string> => {
      calls.push(what);
      const error = refuse();
      if (error !== undefined) throw error;
      return '1';
    };
    const api = {
      isCrowded,
      createMessage: (_channel: string, { content, components = [] }: Sent) =>
        act([`create ${content}`, ...labels(components).map((label) => `[${label}]`)].join(' ')),
      editMessage: async (_channel: string, _id: string, { content }: { content?: string }) =>
        void (await act(`edit ${content}`)),
      deleteMessage: async () => void (await act('delete')),
    } as unknown as DiscordApi;
    const state = createMemoryKeyValue();
    const looked = vi.spyOn(state, 'get');
    const drafts = createDrafts(state);
    const stream = createReplyStream({
      api,
      drafts,
      crowd,
      log,
      target: async () => 'c',
      replyTo: undefined,
      turn: 'turn',
      isFirst,
      posted: async (draft) => ({ ...draft, message: draft.message ?? '1' }),
      deliver: async () => [],
    });
    return { calls, stream, drafts, looked };
  }

  it('F14: leaves drafts out while answers wait for the limit of the bot, and shows them when none does', async () => {
    let crowded = true;
    const { calls, stream } = open(
      () => undefined,
      () => crowded,
    );
    stream.append('one');
    await vi.advanceTimersByTimeAsync(3 * EDIT_EVERY_MS);
    expect(calls).toEqual([]);
    crowded = false;
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS);
    expect(calls).toEqual(['create one [Stop]']);
  });

  it('F14: of more replies that are written at once each is shown less often, and more often again when some end', async () => {
    const crowd = createCrowd();
    const leaving = Array.from({ length: 99 }, () => crowd.enter());
    const { calls, stream } = open(
      () => undefined,
      () => false,
      true,
      crowd,
    );
    for (let ms = 0; ms < 3_990; ms += 10) {
      stream.append('.');
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(calls).toHaveLength(1);
    stream.append('!');
    await vi.advanceTimersByTimeAsync(3_980);
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(40);
    expect(calls).toHaveLength(2);
    for (const leave of [...leaving, ...leaving]) leave();
    expect(crowd.waitMs()).toBe(40);
    stream.append('?');
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS + 10);
    expect(calls).toHaveLength(3);
    await stream.discard();
    await stream.discard();
    expect(crowd.waitMs()).toBe(0);
  });

  it('F14: notices while it waits that the others have ended, and waits its share after a failure too', async () => {
    const crowd = createCrowd();
    const leaving = Array.from({ length: 249 }, () => crowd.enter());
    let isDown = false;
    const { calls, stream } = open(
      () => (isDown ? new AppError('channel.unavailable', 'down') : undefined),
      () => false,
      true,
      crowd,
    );
    stream.append('one');
    await vi.advanceTimersByTimeAsync(1_000);
    for (const leave of leaving) leave();
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS);
    expect(calls).toHaveLength(1);
    for (let n = 0; n < 99; n++) crowd.enter();
    isDown = true;
    stream.append('two');
    await vi.advanceTimersByTimeAsync(11_000);
    expect(calls).toHaveLength(3);
    await stream.discard();
  });

  it('is silent while it is held, and goes on when more comes', async () => {
    const { calls, stream } = open(() => undefined);
    stream.append('one');
    await vi.advanceTimersByTimeAsync(FIRST_AFTER_MS + 1);
    stream.append(' two');
    await stream.hold();
    await vi.advanceTimersByTimeAsync(5 * EDIT_EVERY_MS);
    expect(calls).toEqual(['create one [Stop]']);
    stream.append(' three');
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS);
    expect(calls.at(-1)).toBe('edit one two three');
    await stream.discard();
  });

  it('looks for a draft that a killed process left only where there may be one', async () => {
    for (const isFirst of [true, false]) {
      const { stream, looked } = open(
        () => undefined,
        () => false,
        isFirst,
      );
      await stream.finish({ kind: 'answer', text: 'done' }, 'turn:answer');
      expect(looked).toHaveBeenCalledTimes(isFirst ? 0 : 1);
    }
  });

  it('gathers the first words for a moment, then edits at the pace, with the newest text', async () => {
    const { calls, stream } = open(() => undefined);
    stream.append('one');
    await vi.advanceTimersByTimeAsync(FIRST_AFTER_MS - 1);
    expect(calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(2);
    for (const word of [' two', ' three', ' four']) stream.append(word);
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS - 2);
    expect(calls).toEqual(['create one [Stop]']);
    await vi.advanceTimersByTimeAsync(5);
    expect(calls).toEqual(['create one [Stop]', 'edit one two three four']);
    await stream.discard();
  });

  it('F14: told to wait it waits, however much text arrives', async () => {
    let waits = 1;
    const { calls, stream } = open(() =>
      waits-- > 0
        ? new AppError('channel.rate_limited', 'slow down', { details: { retryAfterMs: 7_000 } })
        : undefined,
    );
    for (let n = 0; n < 50; n++) {
      stream.append(`${n} `);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(calls).toHaveLength(2);
    await stream.discard();
  });

  it('E74: shows that it works, and how to stop it, before the first word and within two seconds', async () => {
    const { calls, stream, drafts } = open(() => undefined);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(calls).toEqual(['create … [Stop]']);
    await stream.discard();
    expect(calls.at(-1)).toBe('delete');
    expect(await drafts.get('turn')).toBeUndefined();
  });

  it('a draft that somebody deleted is left alone', async () => {
    let isGone = false;
    const { calls, stream } = open(() =>
      isGone ? new AppError('channel.rejected', 'gone', { details: { code: 10_008 } }) : undefined,
    );
    stream.append('one');
    await vi.advanceTimersByTimeAsync(FIRST_AFTER_MS + 1);
    isGone = true;
    stream.append(' two');
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS * 5);
    stream.append(' three');
    await vi.advanceTimersByTimeAsync(EDIT_EVERY_MS * 5);
    expect(calls).toEqual(['create one [Stop]', 'edit one two']);
    await stream.discard();
  });
});
