/** The `channels.telegram` section. */
import { z } from 'zod';

/** Shorter ones can be guessed by somebody who only has the address. */
const MIN_SECRET = 16;

export const telegramConfigSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Talk on Telegram.'),
    mode: z
      .enum(['polling', 'webhook'])
      .default('polling')
      .describe('polling needs no address of your own; webhook needs server.public_url.'),
    token: z.string().min(1, 'Put in the token that @BotFather gave you.').describe('From @BotFather.'),
    webhook_secret: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,256}$/, 'Use only letters, digits, _ and -.')
      .min(MIN_SECRET, `Use at least ${MIN_SECRET} characters; "openssl rand -hex 16" makes a good one.`)
      .nullable()
      .default(null)
      .describe('Proves that a webhook call comes from Telegram; needed for mode: webhook.'),
    api_url: z.url().default('https://api.telegram.org').describe('Your own Bot API server, if you run one.'),
    mention_only: z
      .boolean()
      .default(true)
      .describe('In groups, answer only mentions and replies to the bot.'),
    reply_in_thread: z
      .boolean()
      .default(true)
      .describe('In groups without topics, answer as a reply to the question.'),
    conversations: z
      .array(z.string('must be a string in quotes: ids are never numbers'))
      .nullable()
      .default(null)
      .describe('Answer only in these groups; null: everywhere.'),
    stream: z.boolean().default(true).describe('Show answers while they are written.'),
    drafts: z
      .boolean()
      .default(false)
      .describe(
        "In private chats, stream with Telegram's drafts instead of edits; not every app shows them.",
      ),
    rich: z
      .boolean()
      .default(false)
      .describe('Write answers as rich messages (headings, tables, 32,768 characters); needs apps of 2026.'),
  })
  .refine((section) => section.mode === 'polling' || section.webhook_secret !== null, {
    path: ['webhook_secret'],
    error: 'mode: webhook needs a webhook_secret; "openssl rand -hex 16" makes a good one.',
  })
  .describe('Telegram.');

export type TelegramConfig = z.output<typeof telegramConfigSchema>;
