/**
 * Interactions (slash commands, buttons, the form of "Ask aside") as what is to be done about them (pure and total).
 */
import { z } from 'zod';
import type { Author, Command } from '../../domain/message.ts';
import { personOf, snowflake, timeOf } from './inbound.ts';

type Interaction = {
  readonly id: string;
  readonly at: number;
  readonly token: string;
  readonly channel: string;
  readonly guild: string | undefined;
  /** The channel as the interaction describes it, for `places.learn`. */
  readonly rawChannel: unknown;
  readonly author: Author;
};

export type ParsedInteraction = Interaction &
  (
    | { readonly kind: 'command'; readonly command: Command }
    /** The message command "Ask aside" was chosen; `thread` is the one that began with that message. */
    | { readonly kind: 'ask-aside'; readonly thread: string | null }
    | { readonly kind: 'question'; readonly question: string; readonly thread: string | null }
    | { readonly kind: 'click'; readonly payload: string; readonly message: string | undefined }
  );

export const ASK_ASIDE = 'Ask aside';
export const QUESTION_FIELD = 'question';

const APPLICATION_COMMAND = 2;
const MESSAGE_COMPONENT = 3;
const MODAL_SUBMIT = 5;
const CHAT_INPUT = 1;
const MESSAGE_COMMAND = 3;

/** `aside:` and the thread the question is about, if it is not the place itself. */
export const asideForm = (thread: string | null): string => `aside:${thread ?? ''}`;
const ASIDE_FORM = /^aside:(\d{17,20})?$/;

const base = z.object({
  id: snowflake,
  type: z.int(),
  token: z.string().regex(/^[\w.:-]{1,500}$/),
  channel_id: snowflake.optional(),
  channel: z.object({ id: snowflake }).optional(),
  guild_id: snowflake.optional(),
  user: z.unknown().optional(),
  member: z.looseObject({ user: z.unknown().optional() }).optional(),
  data: z.unknown().optional(),
  message: z.object({ id: snowflake }).optional().catch(undefined),
});
const option = z.object({ value: z.union([z.string(), z.number(), z.boolean()]) });
const commandData = z.object({
  type: z.int().default(CHAT_INPUT),
  name: z.string().min(1).max(32),
  options: z.array(option).max(25).default([]),
  target_id: snowflake.optional(),
  resolved: z
    .object({ messages: z.record(z.string(), z.object({ thread: z.object({ id: snowflake }).optional() })) })
    .optional()
    .catch(undefined),
});
/** Discord's limit for what a button carries. */
const clickData = z.object({ custom_id: z.string().min(1).max(100), component_type: z.literal(2) });
const field = z.object({ custom_id: z.string(), value: z.string().max(4_000) });
const modalData = z.object({
  custom_id: z.string().regex(ASIDE_FORM),
  // Rows of fields, or labels that hold one each.
  components: z
    .array(z.union([z.object({ components: z.array(field).max(5) }), z.object({ component: field })]))
    .max(5),
});

export function parseInteraction(raw: unknown): ParsedInteraction | undefined {
  const parsed = base.safeParse(raw);
  if (!parsed.success) return undefined;
  const { id, type, token, guild_id: guild, data, member, user, message } = parsed.data;
  const channel = parsed.data.channel_id ?? parsed.data.channel?.id;
  const author = personOf(member?.user ?? user, member);
  if (channel === undefined || author === undefined) return undefined;
  const rawChannel = (raw as { channel?: unknown }).channel;
  const common: Interaction = { id, at: timeOf(id), token, channel, guild, rawChannel, author };
  if (type === APPLICATION_COMMAND) return toCommand(common, data);
  if (type === MESSAGE_COMPONENT) return toClick(common, data, message?.id);
  return type === MODAL_SUBMIT ? toQuestion(common, data) : undefined;
}

function toCommand(common: Interaction, raw: unknown): ParsedInteraction | undefined {
  const parsed = commandData.safeParse(raw);
  if (!parsed.success) return undefined;
  const { type, name, options, target_id: target, resolved } = parsed.data;
  if (type === CHAT_INPUT) {
    const argument = options
      .map(({ value }) => String(value))
      .join(' ')
      .trim();
    return { ...common, kind: 'command', command: { name: name.toLowerCase(), argument } };
  }
  if (type !== MESSAGE_COMMAND || name !== ASK_ASIDE || target === undefined) return undefined;
  return { ...common, kind: 'ask-aside', thread: resolved?.messages[target]?.thread?.id ?? null };
}

function toClick(
  common: Interaction,
  raw: unknown,
  message: string | undefined,
): ParsedInteraction | undefined {
  const parsed = clickData.safeParse(raw);
  return parsed.success ? { ...common, kind: 'click', payload: parsed.data.custom_id, message } : undefined;
}

function toQuestion(common: Interaction, raw: unknown): ParsedInteraction | undefined {
  const parsed = modalData.safeParse(raw);
  if (!parsed.success) return undefined;
  const fields = parsed.data.components.flatMap((row) =>
    'component' in row ? [row.component] : row.components,
  );
  const question = fields.find(({ custom_id }) => custom_id === QUESTION_FIELD)?.value ?? '';
  const thread = ASIDE_FORM.exec(parsed.data.custom_id)?.[1] ?? null;
  return { ...common, kind: 'question', question: question.trim(), thread };
}
