/** Which place a channel of Discord is, for sessions and for memory. */
import { expect, it } from 'vitest';
import type { DiscordApi } from '../../../../src/channels/discord/api.ts';
import { parseMessage, toInbound } from '../../../../src/channels/discord/inbound.ts';
import { createPlaces } from '../../../../src/channels/discord/places.ts';
import { conversationKey } from '../../../../src/domain/memory.ts';
import { silent } from '../../../contract/store/support.ts';

const PUBLIC_THREAD = 11;
const PRIVATE_THREAD = 12;

it('A34: a private thread is a place of its own to remember in, a public one is part of its channel', async () => {
  // Everything is known from events; nothing is asked.
  const places = createPlaces({
    api: {} as DiscordApi,
    log: silent,
    account: () => 'bot',
    replyInThread: true,
  });
  places.learn({ id: '10', type: 0 });
  places.learn({ id: '11', type: PUBLIC_THREAD, parent_id: '10' });
  places.learn({ id: '12', type: PRIVATE_THREAD, parent_id: '10' });
  const parsed = parseMessage(
    {
      id: '1500000000000000000',
      channel_id: '400000000000000002',
      author: { id: '500000000000000002', username: 'ana' },
      content: 'hello',
      type: 0,
      mentions: [],
      attachments: [],
    },
    '500000000000000001',
    new Set(),
  );
  if (parsed === undefined) throw new Error('a message');
  const keyIn = async (channel: string) =>
    conversationKey(toInbound(parsed, await places.placeOf(channel, 'guild'), []));
  expect(await keyIn('11')).toBe(await keyIn('10'));
  expect(await keyIn('12')).not.toBe(await keyIn('10'));
});
