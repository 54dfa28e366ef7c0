/** Telegram under the contract: the real SDK against the fake platform. */
import { createTelegramAdapter } from '../../../src/channels/telegram/adapter.ts';
import { telegramConfigSchema } from '../../../src/channels/telegram/config.ts';
import { startFakeTelegram } from '../../fakes/telegram-server.ts';
import type { RemoteChannelUnderTest } from '../channel-adapter-suite.ts';
import { channelDeps } from './support.ts';

export async function openTelegram(): Promise<RemoteChannelUnderTest> {
  const telegram = await startFakeTelegram();
  const [ana, bo] = [telegram.person('Ana'), telegram.person('Bo')];
  const home = telegram.direct(ana);
  const group = telegram.group('Team', [ana, bo], { botIsAdmin: true });
  const config = telegramConfigSchema.parse({ token: telegram.token, api_url: telegram.url });
  const adapter = createTelegramAdapter(channelDeps(config));
  return {
    adapter,
    place: { channel: 'telegram', account: '4242', conversation: String(group) },
    asker: `telegram:${ana.id}`,
    say: (text) => void telegram.say({ chat: home, from: ana, text }),
    texts: () => telegram.sees(bo, group).map((one) => one.text),
    buttons: () =>
      telegram
        .sees(bo, group)
        .flatMap((one) => one.keyboard?.inline_keyboard.flat().map((key) => key.callback_data) ?? []),
    slowDown: (ms) => telegram.fail({ method: 'sendMessage', status: 429, retryAfter: ms / 1000 }),
    async close() {
      await adapter.stop();
      await telegram.close();
    },
  };
}
