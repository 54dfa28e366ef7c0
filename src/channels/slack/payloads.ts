/** The parts of Slack's payloads that we read, as lenient schemas: unknown fields are nobody's business here. */
import { z } from 'zod';

/** Longer than any id or timestamp Slack gives; what is longer is not one. */
const id = z.string().min(1).max(64);
const ts = z.string().regex(/^\d{1,16}\.\d{1,12}$/);
/** Slack cuts messages at 40,000 characters; entities can make them five times as long. */
const text = z.string().max(262_144);

/** Files or shared messages of one message: Slack takes far fewer. */
const MAX_LISTED = 100;

const file = z.object({
  id: id.optional(),
  name: z.string().nullish(),
  mimetype: z.string().nullish(),
  size: z.number().nonnegative().nullish(),
  url_private: z.string().nullish(),
  url_private_download: z.string().nullish(),
  mode: z.string().nullish(),
});

const shared = z.object({
  is_msg_unfurl: z.boolean().nullish(),
  is_share: z.boolean().nullish(),
  author_name: z.string().nullish(),
  author_id: z.string().nullish(),
  text: text.nullish(),
});

const message = z.object({
  ts,
  thread_ts: ts.optional(),
  user: id.optional(),
  bot_id: id.nullish(),
  username: z.string().nullish(),
  subtype: z.string().optional(),
  text: text.nullish(),
  team: id.nullish(),
  user_team: id.nullish(),
  source_team: id.nullish(),
  files: z.array(file).max(MAX_LISTED).nullish().catch(null),
  attachments: z.array(shared).max(MAX_LISTED).nullish().catch(null),
  edited: z.unknown().optional(),
});
export type SlackMessage = z.output<typeof message>;
export type SlackFile = z.output<typeof file>;

const posted = message.extend({
  type: z.enum(['message', 'app_mention']),
  channel: id,
  channel_type: z.string().nullish(),
});

const changed = z.object({
  type: z.literal('message'),
  subtype: z.literal('message_changed'),
  channel: id,
  message,
  previous_message: message.partial().nullish(),
});

const deleted = z.object({
  type: z.literal('message'),
  subtype: z.literal('message_deleted'),
  channel: id,
  deleted_ts: ts,
  previous_message: message.partial().nullish(),
});

export type SlackPosted = z.output<typeof posted>;
export type SlackChanged = z.output<typeof changed>;
export type SlackDeleted = z.output<typeof deleted>;

const sessionStopped = z.object({
  type: z.literal('agent_session_stopped'),
  channel: id.optional(),
  channel_id: id.optional(),
  thread_ts: ts.optional(),
  user: id.optional(),
  user_id: id.optional(),
});

const uninstalled = z.object({ type: z.literal('app_uninstalled') });
const revoked = z.object({ type: z.literal('tokens_revoked') });

const eventBody = z.object({
  type: z.literal('event_callback'),
  team_id: id.optional(),
  event_id: id.optional(),
  event: z.unknown(),
});

type SlackEvent =
  | SlackPosted
  | SlackChanged
  | SlackDeleted
  | z.output<typeof sessionStopped | typeof uninstalled | typeof revoked>;

/** By its name: each schema that is tried in vain makes a list of problems, which takes longer than the right one. */
function schemaOf(event: object): z.ZodType<SlackEvent> | undefined {
  const subtype: unknown = Reflect.get(event, 'subtype');
  switch (Reflect.get(event, 'type')) {
    case 'message':
      return subtype === 'message_changed' ? changed : subtype === 'message_deleted' ? deleted : posted;
    case 'app_mention':
      return posted;
    case 'agent_session_stopped':
      return sessionStopped;
    case 'app_uninstalled':
      return uninstalled;
    case 'tokens_revoked':
      return revoked;
    default:
      return undefined;
  }
}

export function parseEvent(
  body: unknown,
): { readonly event: SlackEvent; readonly eventId: string | undefined } | undefined {
  const outer = eventBody.safeParse(body).data;
  if (typeof outer?.event !== 'object' || outer.event === null) return undefined;
  const event = schemaOf(outer.event)?.safeParse(outer.event).data;
  return event === undefined ? undefined : { event, eventId: outer.event_id };
}

const person = z.object({
  id,
  name: z.string().nullish(),
  username: z.string().nullish(),
  team_id: id.nullish(),
});

export const commandBody = z.object({
  command: z.string().regex(/^\/[A-Za-z][\w-]{0,31}$/),
  text: text.default(''),
  user_id: id,
  user_name: z.string().nullish(),
  team_id: id.nullish(),
  channel_id: id,
  trigger_id: z.string().max(256).optional(),
  response_url: z.url().optional(),
});

export const actionsBody = z.object({
  type: z.literal('block_actions'),
  user: person,
  channel: z.object({ id }).nullish(),
  container: z
    .object({ channel_id: id.nullish(), message_ts: ts.nullish(), thread_ts: ts.nullish() })
    .nullish(),
  message: z.object({ ts, thread_ts: ts.nullish() }).nullish(),
  trigger_id: z.string().max(256).optional(),
  actions: z
    .array(z.object({ value: z.string().max(2000).nullish(), action_ts: z.string().max(64).nullish() }))
    .min(1),
});

export const shortcutBody = z.object({
  type: z.literal('message_action'),
  callback_id: z.string(),
  user: person,
  channel: z.object({ id }),
  message: z.object({ ts, thread_ts: ts.nullish() }),
  trigger_id: z.string().max(256),
});

export const submissionBody = z.object({
  type: z.literal('view_submission'),
  user: person,
  view: z.object({
    id,
    callback_id: z.string(),
    private_metadata: z.string().max(3000),
    state: z.object({
      values: z.record(z.string(), z.record(z.string(), z.object({ value: z.string().nullish() }))),
    }),
  }),
});
