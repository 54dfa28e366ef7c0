/** Discord under the contract: discord.js' REST and gateway layers against the fake platform. */
import { createDiscordAdapter } from '../../../src/channels/discord/adapter.ts';
import { discordConfigSchema } from '../../../src/channels/discord/config.ts';
import { buttonsOf } from '../../fakes/discord/people.ts';
import { startFakeDiscord } from '../../fakes/discord-server.ts';
import type { RemoteChannelUnderTest } from '../channel-adapter-suite.ts';
import { channelDeps } from './support.ts';

export async function openDiscord(): Promise<RemoteChannelUnderTest> {
  const discord = await startFakeDiscord();
  const { world } = discord;
  const ana = world.addPerson('Ana');
  const home = discord.direct(ana);
  const general = world.addChannel(0, 'general').id;
  const config = discordConfigSchema.parse({ token: world.token, api_url: discord.url });
  const adapter = createDiscordAdapter(channelDeps(config));
  return {
    adapter,
    place: { channel: 'discord', account: world.bot.id, conversation: general },
    asker: `discord:${ana.id}`,
    say: (text) => void discord.say(home, ana, text),
    texts: () => discord.posts(general).map((one) => one.content),
    buttons: () =>
      discord.posts(general).flatMap((one) => buttonsOf(one).map((button) => button.custom_id ?? '')),
    slowDown: (ms) =>
      discord.fail({
        method: 'POST',
        path: /\/messages$/,
        status: 429,
        body: { message: 'You are being rate limited.', retry_after: ms / 1000, global: false },
        retryAfter: ms / 1000,
      }),
    async close() {
      await adapter.stop();
      await discord.close();
    },
  };
}
