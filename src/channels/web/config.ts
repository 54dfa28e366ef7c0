/** The `channels.web` section. */
import { z } from 'zod';

/** Shorter ones can be guessed. */
const MIN_TOKEN = 16;

export const webConfigSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Serve the built-in web chat.'),
    users: z
      .record(
        z
          .string()
          .regex(
            /^[a-z0-9][a-z0-9._-]{0,31}$/,
            'Use 1-32 small letters, digits, dots, dashes or underscores.',
          ),
        z
          .string()
          .min(MIN_TOKEN, `Use at least ${MIN_TOKEN} characters; "openssl rand -hex 16" makes a good one.`),
      )
      .default({})
      .describe('Who may sign in besides the owner: name → token. The user id is web:NAME.'),
    mention_only: z
      .boolean()
      .default(false)
      .describe('In shared conversations, answer only when mentioned as @parley.'),
    reply_in_thread: z.boolean().default(false).describe('In shared conversations, answer in a thread.'),
    conversations: z
      .array(z.string())
      .nullable()
      .default(null)
      .describe('Answer only in these; null: everywhere.'),
    stream: z.boolean().default(true).describe('Show answers while they are written.'),
  })
  .describe('The built-in web chat.');

/** The section as the config has it. */
export type WebConfig = z.output<typeof webConfigSchema>;
