/** The `channels.slack` section. */
import { z } from 'zod';

export const slackConfigSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Talk on Slack.'),
    mode: z
      .enum(['socket', 'http'])
      .default('socket')
      .describe('socket needs no address of your own; http needs server.public_url.'),
    bot_token: z
      .string()
      .min(1, 'Put in the bot token (xoxb-…) from "OAuth & Permissions".')
      .describe('Bot token, xoxb-…'),
    app_token: z
      .string()
      .nullable()
      .default(null)
      .describe('App-level token with connections:write, xapp-…; needed for mode: socket.'),
    signing_secret: z
      .string()
      .nullable()
      .default(null)
      .describe('Proves that a request comes from Slack; needed for mode: http.'),
    api_url: z.url().default('https://slack.com/api/').describe('Another address of the Web API.'),
    mention_only: z.boolean().default(true).describe('In channels, answer only mentions and known threads.'),
    reply_in_thread: z.boolean().default(true).describe('In channels, answer in a thread.'),
    conversations: z
      .array(z.string('must be a string in quotes: ids are never numbers'))
      .nullable()
      .default(null)
      .describe('Answer only in these channels; null: everywhere.'),
    stream: z.boolean().default(true).describe('Show answers while they are written.'),
  })
  .refine((section) => section.mode !== 'socket' || (section.app_token ?? '') !== '', {
    path: ['app_token'],
    error: 'mode: socket needs an app_token (xapp-…): "Basic Information", "App-Level Tokens".',
  })
  // An empty secret would accept anything signed with nothing (A3).
  .refine((section) => section.mode !== 'http' || (section.signing_secret ?? '') !== '', {
    path: ['signing_secret'],
    error: 'mode: http needs the signing_secret of "Basic Information", "App Credentials".',
  })
  .describe('Slack.');

export type SlackConfig = z.output<typeof slackConfigSchema>;
