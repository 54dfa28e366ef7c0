/** The whole configuration: one schema, from which types, checks, the JSON Schema file and the reference come. */
import { z } from 'zod';
import { channelDefinitions } from '../channels/registry.ts';
import { agent, approvals, models, profile, tools } from './sections.ts';
import { byteSize, duration, userId, userIdOrAll } from './units.ts';

const channels = z.strictObject({
  web: channelDefinitions.web.configSchema.prefault({}),
  discord: channelDefinitions.discord.configSchema.optional(),
  slack: channelDefinitions.slack.configSchema.optional(),
  telegram: channelDefinitions.telegram.configSchema.optional(),
});

/** Environment variables are text, so `port: ${PORT}` has to be taken as one. */
const port = z.union([
  z.int().min(0).max(65_535),
  z
    .string()
    .regex(/^\d{1,5}$/, 'must be a port number')
    .transform(Number),
]);

/** Ways to answer aside. */
const aside = z.enum(['direct', 'public', 'refuse']);

export const configSchema = z.strictObject({
  server: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Address to listen on.'),
      port: port.default(8787),
      public_url: z
        .url()
        .nullable()
        .default(null)
        .describe('How people reach it from outside, behind your proxy.'),
      token: z
        .string()
        .default('')
        .describe('Signs the owner in; empty: a one-time token is printed at start.'),
    })
    .prefault({}),
  store: z
    .strictObject({
      url: z
        .string()
        .regex(/^(sqlite:|postgres(ql)?:\/\/)/, 'must start with sqlite: or postgres://')
        .default('sqlite:data/parley.db'),
    })
    .prefault({}),
  models: models.prefault({}),
  channels: channels.prefault({}),
  access: z
    .strictObject({
      users: z.array(userIdOrAll()).default(['*']).describe('Who may talk.'),
      approvers: z.array(userId()).default([]).describe('Who may approve; empty: nobody.'),
      admins: z.array(userId()).default([]),
      people: z
        .record(z.string(), z.array(userId()).min(1))
        .default({})
        .describe('Accounts of one person on several platforms: they count as one where two have to agree.'),
      unknown: z.enum(['ignore', 'refuse', 'pair']).default('ignore').describe('What strangers get.'),
    })
    .prefault({}),
  agent: agent.prefault({}),
  sessions: z
    .strictObject({
      while_busy: z.enum(['queue', 'steer', 'interrupt']).default('queue'),
      idle_reset: duration()
        .nullable()
        .default(null)
        .describe('Start afresh after this long without a message.'),
    })
    .prefault({}),
  profiles: z.record(z.string(), profile).default({}),
  routes: z
    .array(
      z.strictObject({
        channel: z.string().optional(),
        conversation: z.string('must be a string in quotes: ids are never numbers').optional(),
        profile: z.string(),
      }),
    )
    .default([])
    .describe('First match wins.'),
  tools: tools.prefault({}),
  approvals: approvals.prefault({}),
  btw: z
    .strictObject({
      fallback: z
        .union([aside, z.array(aside).min(1)])
        .transform((ways) => (Array.isArray(ways) ? ways : [ways]))
        .prefault('direct')
        .describe('Where a place cannot show a private answer: one way, or several to be tried in order.'),
    })
    .prefault({}),
  memory: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe('Remembers across conversations, each for whom it was told.'),
      recall: z.int().nonnegative().max(100).default(8).describe('Memories in a prompt; 0: none.'),
    })
    .prefault({}),
  reflection: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Look back at each turn, to do better the next time.'),
      review: z.boolean().default(false),
      max_body: byteSize().prefault('8KiB'),
      skill_edit_cooldown: duration().prefault('24h'),
      activity_log_max: byteSize().prefault('4KiB'),
      store_raw: z.boolean().default(false),
    })
    .prefault({}),
  limits: z
    .strictObject({
      messages_per_minute: z.int().positive().default(20),
      tokens_per_day: z.int().positive().nullable().default(null),
      cost_per_day: z.number().positive().nullable().default(null),
      queue_per_session: z.int().positive().default(50),
      concurrent_turns: z.int().positive().default(64),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
      pretty: z.union([z.boolean(), z.literal('auto')]).default('auto'),
    })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;

/** For editors and `parley schema`: what may be written, not what it becomes. */
export function jsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  return { ...schema, title: 'Parley configuration' };
}

/**
 * Parts that come later, and how the file switches them on. Doing so is an error, so that nobody believes they work.
 */
export const notAvailableYet: readonly {
  readonly path: readonly string[];
  readonly on: (value: unknown) => boolean;
}[] = [
  { path: ['access', 'unknown'], on: (value) => value === 'pair' },
  { path: ['sessions', 'while_busy'], on: (value) => value === 'steer' },
];
