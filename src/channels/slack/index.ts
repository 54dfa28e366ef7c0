/** The Slack channel: what the registry knows of it. Its SDK is imported only when it is on. */
import type { ChannelDefinition } from '../adapter.ts';
import { slackConfigSchema } from './config.ts';

export const slackChannel = {
  name: 'slack',
  configSchema: slackConfigSchema,
  load: async () => ({ create: (await import('./adapter.ts')).createSlackAdapter }),
} satisfies ChannelDefinition<typeof slackConfigSchema>;
