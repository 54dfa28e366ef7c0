/** The Discord channel: what the registry knows of it. */
import type { ChannelDefinition } from '../adapter.ts';
import { discordConfigSchema } from './config.ts';

export const discordChannel = {
  name: 'discord',
  configSchema: discordConfigSchema,
  load: async () => ({ create: (await import('./adapter.ts')).createDiscordAdapter }),
} satisfies ChannelDefinition<typeof discordConfigSchema>;
