/** The web channel: what the registry knows of it. */
import type { ChannelDefinition } from '../adapter.ts';
import { webConfigSchema } from './config.ts';

export const webChannel = {
  name: 'web',
  configSchema: webConfigSchema,
  load: async () => ({ create: (await import('./adapter.ts')).createWebAdapter }),
} satisfies ChannelDefinition<typeof webConfigSchema>;
