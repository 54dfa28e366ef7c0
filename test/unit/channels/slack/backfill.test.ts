/** F18: how far back, and how long, Slack is read after a gap. */
import { describe, expect, it } from 'vitest';
import { createBackfill } from '../../../../src/channels/slack/backfill.ts';
import type { Call } from '../../../../src/channels/slack/outbound.ts';
import { createSeen } from '../../../../src/channels/slack/seen.ts';
import { AppError } from '../../../../src/domain/errors.ts';
import { createMemoryKeyValue } from '../../../fakes/memory-feed.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const DAY_S = 24 * 60 * 60;
const NOW_S = 1_800_000_000;
const clock = { now: () => NOW_S * 1000, monotonic: () => 0 };

type Asked = Readonly<Record<string, unknown>>;

function setUp(
  answer: (asked: Asked) => readonly unknown[],
  take = async (_body: unknown): Promise<void> => {},
) {
  const asked: Asked[] = [];
  const state = createMemoryKeyValue();
  const method = async (options: Asked) => {
    asked.push(options);
    return { messages: answer(options) };
  };
  const client = { conversations: { history: method, replies: method } };
  const call = (async (_what: string, work: (client: unknown) => Promise<unknown>) => work(client)) as Call;
  const seen = createSeen({ state, log: silent });
  return { asked, state, seen, backfill: createBackfill({ call, seen, take, clock, log: silent }) };
}

describe('reading back', () => {
  it('goes on after the last message seen, but never further back than a day', async () => {
    const { asked, seen, backfill } = setUp(() => []);
    seen.note({ channel: 'C1', thread: null }, `${NOW_S - 60}.000001`);
    seen.note({ channel: 'C2', thread: '1.000001' }, `${NOW_S - 10 * DAY_S}.000001`);
    await backfill.run();
    expect(asked).toMatchObject([
      { channel: 'C2', ts: '1.000001', oldest: `${NOW_S - DAY_S}.000000` },
      { channel: 'C1', oldest: `${NOW_S - 60}.000001` },
    ]);
  });

  it('passes messages on oldest first, each as its event, and answers in new threads too', async () => {
    const taken: unknown[] = [];
    const ts = (second: number): string => `${NOW_S - second}.000001`;
    const { seen, backfill } = setUp(
      (options) =>
        options.ts === undefined
          ? [
              { ts: ts(10), text: 'later' },
              { ts: ts(30), thread_ts: ts(30), latest_reply: ts(20), text: 'opens a thread' },
              'no message at all',
            ]
          : [
              { ts: ts(30), text: 'the root' },
              { ts: ts(20), thread_ts: ts(30), text: 'in it' },
            ],
      async (body) => void taken.push((body as { event: { text: string } }).event),
    );
    seen.note({ channel: 'D1', thread: null }, ts(60));
    await backfill.run();
    expect(taken).toMatchObject([
      { channel: 'D1', channel_type: 'im', text: 'opens a thread' },
      { text: 'in it', thread_ts: ts(30) },
      { text: 'later' },
    ]);
    expect(taken[0]).not.toHaveProperty('thread_ts');
    expect(seen.list()[0]).toEqual({ channel: 'D1', thread: null, ts: ts(10) });
  });

  it('F14: asked to wait it stops; refused in one place it goes on in the next', async () => {
    const refuse = (code: 'channel.rate_limited' | 'channel.rejected') => {
      const made = setUp(() => {
        throw new AppError(code, 'no');
      });
      for (const channel of ['C1', 'C2']) made.seen.note({ channel, thread: null }, `${NOW_S}.000001`);
      return made;
    };
    const limited = refuse('channel.rate_limited');
    await limited.backfill.run();
    expect(limited.asked).toHaveLength(1);
    const rejected = refuse('channel.rejected');
    await rejected.backfill.run();
    expect(rejected.asked).toHaveLength(2);
  });

  it('P1: a place is taken no further than before what is not stored, whatever is stored after it', async () => {
    const [first, second, third] = [9, 8, 7].map((second) => `${NOW_S - second}.000001`);
    const place = { channel: 'C1', thread: null };
    let fails = true;
    const { asked, state, seen, backfill } = setUp(
      () => [{ ts: first }, { ts: second }],
      async () => {
        if (fails) throw new AppError('store.full', 'no room');
      },
    );
    seen.begin(place, first ?? '');
    seen.begin(place, second ?? '');
    seen.note(place, second ?? '');
    await backfill.run();
    await seen.flush();
    // Neither by a later one, nor by a restart, nor by a reading that broke off.
    const next = createSeen({ state, log: silent });
    await next.open();
    const before = { ...place, ts: `${NOW_S - 9}.000000` };
    expect([seen.list(), seen.lacking(), next.list()]).toEqual([[before], [before], [before]]);
    fails = false;
    await backfill.run(seen.lacking());
    expect(asked.map((one) => one.oldest)).toEqual([before.ts, before.ts]);
    expect([seen.list(), seen.lacking()]).toEqual([[{ ...place, ts: second }], []]);
    // The same when Slack brings it once more in time.
    seen.begin(place, third ?? '');
    expect(seen.lacking()).toEqual([{ ...place, ts: second }]);
    seen.note(place, third ?? '');
    expect(seen.list()).toEqual([{ ...place, ts: third }]);
  });

  it('P1: what cannot be stored is read again the next time', async () => {
    const ts = `${NOW_S - 5}.000001`;
    const { asked, seen, backfill } = setUp(
      () => [{ ts, text: 'x' }],
      async () => {
        throw new AppError('store.full', 'no room');
      },
    );
    seen.note({ channel: 'C1', thread: null }, `${NOW_S - 60}.000001`);
    await backfill.run();
    await backfill.run();
    expect(asked.map((one) => one.oldest)).toEqual([`${NOW_S - 60}.000001`, `${NOW_S - 60}.000001`]);
  });
});
