/** Taking updates in: order in a chat, chats beside each other, nothing confirmed that is not stored (P1, P2, P3). */
import { describe, expect, it } from 'vitest';
import type { ChannelSink } from '../../../../src/channels/adapter.ts';
import type { TelegramApi } from '../../../../src/channels/telegram/api.ts';
import { createReceiver } from '../../../../src/channels/telegram/receiver.ts';
import { AppError } from '../../../../src/domain/errors.ts';
import type { InboundMessage } from '../../../../src/domain/message.ts';
import { systemClock } from '../../../../src/domain/runtime.ts';
import { channelDeps } from '../../../contract/channels/support.ts';

const { log, metrics } = channelDeps(null);
const never = async (): Promise<never> => {
  throw new Error('not to be called');
};
const api: TelegramApi = { call: never, updates: never, download: async () => Buffer.from('text') };

function open(onMessage: (message: InboundMessage) => Promise<void>) {
  const none = async (): Promise<void> => undefined;
  const sink: ChannelSink = { message: onMessage, edit: none, deletion: none, click: none, stop: none };
  const queries = { open() {}, tell: async () => false, close: none };
  const bot = { id: 4242, username: 'parley_bot' };
  return createReceiver({ api, bot, sink, mentionOnly: true, queries, log, metrics, clock: systemClock });
}

const update = (id: number, chat: number, text: string, more: object = {}) => ({
  update_id: id,
  message: {
    message_id: id,
    date: 1,
    chat: { id: chat, type: 'private', first_name: 'Ana' },
    from: { id: chat, is_bot: false, first_name: 'Ana' },
    text,
    ...more,
  },
});

describe('taking updates in', () => {
  it('P3: keeps the order of a chat, over several calls too, and lets other chats pass', async () => {
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const receiver = open(async ({ text }) => {
      if (text === 'slow') await gate.promise;
      order.push(text);
    });
    const slow = receiver.take([update(1, 7, 'slow')]);
    const behind = receiver.take([update(2, 7, 'behind'), update(3, 8, 'other chat')]);
    await receiver.take([update(4, 9, 'third chat')]);
    expect(order).toEqual(['other chat', 'third chat']);
    gate.resolve();
    expect(await slow).toEqual({ next: 2, failed: false });
    expect(await behind).toEqual({ next: 4, failed: false });
    expect(order).toEqual(['other chat', 'third chat', 'slow', 'behind']);
  });

  it('P1, P2: the first that was not stored is asked for again; what was stored is not passed on twice', async () => {
    const got: string[] = [];
    let isFull = true;
    const receiver = open(async ({ text }) => {
      if (isFull && text === 'b') throw new AppError('store.full', 'no room');
      got.push(text);
    });
    const batch = [update(1, 7, 'a'), update(2, 7, 'b'), update(3, 7, 'c'), update(4, 8, 'd')];
    expect(await receiver.take(batch)).toEqual({ next: 2, failed: true });
    expect(got).toEqual(['a', 'd']);
    isFull = false;
    expect(await receiver.take(batch.slice(1))).toEqual({ next: 5, failed: false });
    expect(got).toEqual(['a', 'd', 'b', 'c']);
  });

  it('an update that fails every time for no reason of the store is dropped after three tries', async () => {
    const receiver = open(async () => {
      throw new TypeError('bug');
    });
    expect(await receiver.take([update(1, 7, 'x')])).toEqual({ next: 1, failed: true });
    expect(await receiver.take([update(1, 7, 'x')])).toEqual({ next: 1, failed: true });
    expect(await receiver.take([update(1, 7, 'x')])).toEqual({ next: 2, failed: false });
  });

  it('an album is one message with all its files; what cannot be read is confirmed all the same', async () => {
    const got: InboundMessage[] = [];
    const receiver = open(async (message) => void got.push(message));
    const file = (id: string) => ({
      document: { file_id: id, file_name: `${id}.txt`, mime_type: 'text/plain' },
    });
    const album = { media_group_id: 'a', text: undefined };
    const result = await receiver.take([
      update(1, 7, '', { ...album, ...file('one'), caption: 'both' }),
      update(2, 7, '', { ...album, ...file('two') }),
      { update_id: 3, poll: {} },
      'junk',
    ]);
    expect(result).toEqual({ next: 4, failed: false });
    expect(got).toHaveLength(1);
    expect(got[0]).toMatchObject({
      text: 'both',
      attachments: [{ name: 'one.txt', text: 'text' }, { name: 'two.txt' }],
    });
  });
});
