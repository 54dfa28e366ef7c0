/** The web chat under the contract: over HTTP, with a page that sends again what was not acknowledged. */
import { randomUUID } from 'node:crypto';
import { createWebAdapter } from '../../../src/channels/web/adapter.ts';
import { webConfigSchema } from '../../../src/channels/web/config.ts';
import type { Card, OutboundMessage } from '../../../src/domain/message.ts';
import { createMemoryFeed } from '../../fakes/memory-feed.ts';
import { signIn, type WebClient } from '../../fakes/web-client.ts';
import { anaToken, createTestServer } from '../../fakes/web-gateway.ts';
import type { ChannelUnderTest } from '../channel-adapter-suite.ts';
import { channelDeps } from './support.ts';

/** As the page does: the same id until it is taken. */
async function keepSending(ana: WebClient, text: string): Promise<void> {
  const clientId = randomUUID();
  const { conversations } = (await (await ana.get('/api/state')).json()) as {
    conversations: { id: string; shared: boolean }[];
  };
  const conversation = conversations.find((one) => !one.shared)?.id;
  for (let status = 0; status !== 201; ) {
    status = (await ana.post('/api/messages', { conversation, text, clientId })).status;
  }
}

/** The page puts a card together in the browser: the test of the page looks at the same order. */
const asThePageShows = ({ action, facts, why, notes = [], modelReason, outcome }: Card): string =>
  [action.text, ...facts, ...why, ...notes, `The model's reason: ${modelReason ?? ''}`, outcome ?? ''].join(
    '\n',
  );

export async function openWeb(): Promise<ChannelUnderTest> {
  const server = createTestServer();
  const feed = createMemoryFeed();
  const config = webConfigSchema.parse({ users: { ana: anaToken } });
  const adapter = createWebAdapter({ ...channelDeps(config), feed, http: server.host });
  const { url } = await server.listen();
  let shown: OutboundMessage[] = [];
  // The suite looks at once; the feed in memory answers in the same turn of the event loop as it changes.
  const look = async (): Promise<void> => {
    shown = (await feed.latest('general', { limit: 100 })).map((post) => post.body as OutboundMessage);
  };
  feed.onChange(() => void look());
  return {
    adapter,
    place: { channel: 'web', account: 'web', conversation: 'general' },
    asker: 'web:ana',
    say: (text) => void signIn(url, anaToken).then((ana) => keepSending(ana, text)),
    texts: () => shown.map(({ text, card }) => (card === undefined ? text : asThePageShows(card))),
    buttons: () => shown.flatMap(({ buttons }) => (buttons ?? []).map(({ token }) => token)),
    async close() {
      await adapter.stop();
      await server.close();
    },
  };
}
