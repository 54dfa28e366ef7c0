/** The Telegram channel: what the registry knows of it. */
import type { ChannelDefinition } from '../adapter.ts';
import { telegramConfigSchema } from './config.ts';

export const telegramChannel = {
  name: 'telegram',
  configSchema: telegramConfigSchema,
  load: async () => ({ create: (await import('./adapter.ts')).createTelegramAdapter }),
} satisfies ChannelDefinition<typeof telegramConfigSchema>;
