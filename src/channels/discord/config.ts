/** The `channels.discord` section. */
import { z } from 'zod';

export const discordConfigSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Talk on Discord.'),
    token: z
      .string()
      .min(1, 'Put in the bot token: Developer Portal, your application, Bot, Reset Token.')
      .describe('The bot token.'),
    api_url: z.url().default('https://discord.com/api').describe('Where the API is; for proxies and tests.'),
    mention_only: z.boolean().default(true).describe('On servers, answer only when mentioned.'),
    reply_in_thread: z.boolean().default(true).describe('On servers, answer in a thread on the question.'),
    conversations: z
      .array(z.string('must be a string in quotes: ids are never numbers'))
      .nullable()
      .default(null)
      .describe('Answer only in these channels (ids); null: in all that the bot can see.'),
    stream: z.boolean().default(true).describe('Show answers while they are written.'),
  })
  .describe('Discord.');

export type DiscordConfig = z.output<typeof discordConfigSchema>;
