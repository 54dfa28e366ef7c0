/** The channels there are, by their name in the config. A new one is one line here; it is imported only when it is on. */
import { discordChannel } from './discord/index.ts';
import { slackChannel } from './slack/index.ts';
import { telegramChannel } from './telegram/index.ts';
import { webChannel } from './web/index.ts';

export const channelDefinitions = {
  web: webChannel,
  discord: discordChannel,
  slack: slackChannel,
  telegram: telegramChannel,
} as const;
