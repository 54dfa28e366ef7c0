/** The live reply by itself: rotation before Slack's five minutes, restarts, refusals, rate limits. */

import { webApi } from '@slack/bolt';
import { describe, expect, it, vi } from 'vitest';
import { toMessages } from '../../../../src/channels/slack/blocks.ts';
import { type Abilities, createLiveMessage } from '../../../../src/channels/slack/live-message.ts';
import { createOnce } from '../../../../src/channels/slack/once.ts';
import type { Call } from '../../../../src/channels/slack/outbound.ts';
import { createReplyStream } from '../../../../src/channels/slack/reply-stream.ts';
import { AppError } from '../../../../src/domain/errors.ts';
import type { Clock, Logger } from '../../../../src/domain/runtime.ts';
import { type Block, checkBlocks } from '../../../fakes/slack/blocks.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const where = { channel: 'slack', account: 'T1:UBOT', conversation: 'C1', thread: '1.1' };

function stage(refuse: (method: string) => AppError | undefined = () => undefined) {
  let now = 0;
  let ts = 0;
  const clock: Clock = { now: () => now, monotonic: () => now };
  const calls: { method: string; args: Record<string, unknown> }[] = [];
  const method = (name: string) => async (args: Record<string, unknown>) => {
    const refusal = refuse(name);
    if (refusal !== undefined) throw refusal;
    calls.push({ method: name, args });
    return { ok: true, ts: String(++ts) };
  };
  const chat = Object.fromEntries(
    ['startStream', 'appendStream', 'stopStream', 'postMessage', 'update', 'delete'].map((name) => [
      name,
      method(name),
    ]),
  );
  const call: Call = (_what, work) => work({ chat } as unknown as webApi.WebClient);
  const abilities: Abilities = { stream: true, stopInStream: true, status: true, session: true };
  const live = createLiveMessage({
    call,
    where,
    recipient: { user: 'U1', team: 'T1' },
    stopToken: `s1:${'0'.repeat(25)}`,
    abilities,
    clock,
    adopted: [],
    onMessage: async () => {},
  });
  return {
    live,
    abilities,
    calls,
    clock,
    pass: (ms: number) => {
      now += ms;
    },
    methods: () => calls.map((one) => one.method),
    streamed: () =>
      calls
        .filter((one) => one.method === 'appendStream')
        .map((one) => one.args.markdown_text)
        .join(''),
  };
}

const rejected = (error: string) =>
  new AppError('channel.rejected', 'Slack refused it', {
    cause: new webApi.WebAPIPlatformError({ ok: false, error }),
  });

describe('a growing message in Slack', () => {
  it('streams only what is new', async () => {
    const s = stage();
    await s.live.show({ text: 'one ', tasks: [] });
    await s.live.show({ text: 'one two ', tasks: [] });
    await s.live.show({ text: 'one two ', tasks: [] });
    expect(s.streamed()).toBe('one two ');
    expect(s.methods()).toEqual(['startStream', 'appendStream', 'appendStream']);
    expect(s.calls[0]?.args).toMatchObject({
      thread_ts: '1.1',
      recipient_user_id: 'U1',
      recipient_team_id: 'T1',
    });
  });

  it('changes to a new stream well before five minutes, and loses nothing', async () => {
    const s = stage();
    await s.live.show({ text: 'one ', tasks: [] });
    s.pass(4 * 60_000 + 1);
    await s.live.show({ text: 'one two ', tasks: [] });
    expect(s.methods()).toEqual(['startStream', 'appendStream', 'stopStream', 'startStream', 'appendStream']);
    expect(s.streamed()).toBe('one two ');
    expect(s.live.messages).toHaveLength(2);
  });

  it('changes to a new stream before its text is full', async () => {
    const s = stage();
    const text = 'word '.repeat(5_000);
    for (let end = 5_000; end <= text.length; end += 5_000)
      await s.live.show({ text: text.slice(0, end), tasks: [] });
    expect(text.startsWith(s.streamed())).toBe(true);
    expect(s.methods().filter((one) => one === 'startStream').length).toBeGreaterThan(1);
  });

  it('does without the button in the stream, then without streams, when Slack refuses them', async () => {
    let refusals = 1;
    const button = stage((name) =>
      name === 'startStream' && refusals-- > 0 ? rejected('invalid_chunks') : undefined,
    );
    await button.live.show({ text: 'one', tasks: [] });
    expect(button.abilities).toMatchObject({ stream: true, stopInStream: false });
    expect(button.methods()).toEqual(['startStream', 'appendStream']);
    for (const [code, everywhere] of [
      ['unknown_method', true],
      ['restricted_action', false],
    ] as const) {
      const none = stage((name) => (name === 'startStream' ? rejected(code) : undefined));
      await none.live.show({ text: 'one', tasks: [] });
      await none.live.show({ text: 'one two', tasks: [] });
      expect(none.methods()).toEqual(['postMessage', 'update']);
      expect(none.abilities.stream).toBe(!everywhere);
    }
  });

  it('opens no second message because of a rate limit', async () => {
    const limited = new AppError('channel.rate_limited', 'wait', { details: { retryAfterMs: 1000 } });
    const s = stage((name) => (name === 'startStream' ? limited : undefined));
    await expect(s.live.show({ text: 'one', tasks: [] })).rejects.toBe(limited);
    expect(s.calls).toEqual([]);
  });
});

describe('the reply', () => {
  const clock: Clock = { now: () => 0, monotonic: () => performance.now() };

  it('waits out a rate limit at the end, and gives the draft to the final message', async () => {
    vi.useFakeTimers();
    const settle = vi.fn(async () => [{ where, id: 'C1:1' }]);
    settle.mockRejectedValueOnce(
      new AppError('channel.rate_limited', 'wait', { details: { retryAfterMs: 2_000 } }),
    );
    const reply = createReplyStream({
      open: async () => null,
      settle,
      remove: async () => {},
      forget: async () => {},
      onEnd() {},
      clock,
      log: silent,
    });
    const finished = reply.finish({ kind: 'answer', text: 'x' }, 'k');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await finished).toHaveLength(1);
    vi.useRealTimers();
  });

  it('E74: is there within two seconds, with its Stop button, also when nothing was said', async () => {
    vi.useFakeTimers();
    const { live, calls } = stage();
    const reply = createReplyStream({
      open: async () => live,
      settle: async () => [],
      remove: async () => {},
      forget: async () => {},
      onEnd() {},
      clock,
      log: silent,
    });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(JSON.stringify(calls.map(({ args }) => args))).toMatch(/"Stop".*"Thinking"/);
    await reply.discard();
    vi.useRealTimers();
  });

  it('A dropped answer goes with its message', async () => {
    vi.useFakeTimers();
    const removed: string[] = [];
    const shown: string[] = [];
    const live = {
      messages: ['1.1'],
      close: async () => {},
      show: async (sketch: { text: string }) => void shown.push(sketch.text),
    };
    const reply = createReplyStream({
      open: async () => live,
      settle: async () => [],
      remove: async (ts) => void removed.push(ts),
      forget: async () => {},
      onEnd() {},
      clock,
      log: silent,
    });
    reply.append('wrong start');
    await vi.advanceTimersByTimeAsync(1_500);
    reply.reset();
    await vi.advanceTimersByTimeAsync(10);
    expect(removed).toEqual(['1.1']);
    reply.append('right start');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(shown).toEqual(['wrong start', 'right start']);
    await reply.discard();
    vi.useRealTimers();
  });
});

describe('deliveries', () => {
  it('run once; a copy waits; after a failure the next copy is the first', async () => {
    const once = createOnce({ clock: { now: () => 0, monotonic: () => 0 } });
    const work = vi.fn(async () => {});
    expect(await Promise.all([once('a', work), once('a', work)])).toEqual(['done', 'copy']);
    const failing = vi.fn(async () => Promise.reject(new Error('no')));
    await expect(once('b', failing)).rejects.toThrow('no');
    expect(await once('b', work)).toBe('done');
    expect(work).toHaveBeenCalledTimes(2);
  });
});

const check = (blocks: readonly object[] = []): void => checkBlocks(blocks as Block[]);

describe('messages as blocks', () => {
  const card = {
    title: 'Run this command?',
    action: { text: 'rm -r x', language: 'bash' },
    facts: ['asked by <!channel>'],
    why: ['*deletes*'],
    modelReason: 'trust <@U1>',
    expiresAt: 0,
  };
  const buttons = [
    { label: 'Approve once', token: `a1:o:${'A'.repeat(22)}`, style: 'primary' },
    { label: 'Deny', token: `a1:d:${'A'.repeat(22)}`, style: 'danger' },
  ] as const;

  it('A10, A37: a card holds no markup at all, so nothing in it can be a mention or a fake card', async () => {
    const [part] = await toMessages({ kind: 'card', text: 'fallback <!channel>', card, buttons });
    expect(JSON.stringify(part?.blocks)).not.toMatch(/mrkdwn|"markdown"/);
    expect(part?.text).toBe('fallback &lt;!channel&gt;');
    check(part?.blocks);
  });

  it('A8: without the whole action there is no way to approve', async () => {
    const [part] = await toMessages({ kind: 'card', text: 'x', card, buttons }, { shown: 'nowhere' });
    expect(JSON.stringify(part?.blocks)).not.toContain('Approve once');
    expect(JSON.stringify(part?.blocks)).toContain('cannot be approved');
  });

  it('counts steps it has no room for', async () => {
    const steps = Array.from({ length: 30 }, (_, index) => ({
      title: `step ${index}`,
      ok: index % 2 === 0,
      durationMs: 1_234,
    }));
    const [part] = await toMessages({ kind: 'answer', text: 'done', steps });
    check(part?.blocks);
    expect(JSON.stringify(part?.blocks)).toMatch(/21 earlier steps.*Failed: step 29 — 1\.2 s/);
  });

  it('says something even where there is nothing to say', async () => {
    for (const aside of [undefined, { question: 'q', done: false }])
      for (const part of await toMessages({
        kind: 'answer',
        text: ' ',
        ...(aside === undefined ? {} : { aside }),
      }))
        check(part.blocks);
  });
});
