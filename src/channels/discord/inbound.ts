/**
 * Messages of Discord's gateway as the gateway's nouns (pure and total): what does not have the shape we know is
 * undefined, never an exception. Files are named here and fetched later.
 */
import { z } from 'zod';
import type { Author, Command, InboundMessage, MessageEdit, Quoted } from '../../domain/message.ts';
import type { OfferedFile } from '../attachments.ts';
import { fileName, personName, quote } from '../names.ts';
import { type Place, refOf } from './places.ts';

/** 17 to 19 digits until the year 2090; one more is no mistake. */
export const snowflake = z.string().regex(/^\d{17,20}$/);
const text = z.string();

const user = z.object({
  id: snowflake,
  username: text.default(''),
  global_name: text.nullish(),
  bot: z.boolean().optional(),
  system: z.boolean().optional(),
});
const member = z.object({ nick: text.nullish() });
const attachment = z.object({
  filename: text.max(1_000),
  size: z.number().nonnegative(),
  url: z.url().max(4_000),
  content_type: text.max(200).optional(),
});
/** Discord allows 10; a hundred is no message of Discord any more. */
const attachments = z.array(attachment).max(100).default([]);
const message = z.object({
  id: snowflake,
  channel_id: snowflake,
  guild_id: snowflake.optional(),
  author: user,
  member: member.optional(),
  webhook_id: snowflake.optional(),
  content: text.default(''),
  type: z.int().default(0),
  edited_timestamp: text.nullish(),
  mentions: z.array(user).max(1_000).default([]),
  attachments,
  referenced_message: z
    .object({ author: user, content: text.default('') })
    .nullish()
    .catch(null),
  message_snapshots: z
    .array(z.object({ message: z.object({ content: text.default(''), attachments }) }))
    .max(10)
    .optional()
    .catch(undefined),
});
type RawMessage = z.output<typeof message>;

export type RemoteFile = OfferedFile & { readonly url: string };

/** What a message says, before it is known what kind of place its channel is. */
export type ParsedMessage = {
  readonly id: string;
  readonly at: number;
  readonly channel: string;
  readonly guild: string | undefined;
  readonly author: Author;
  readonly text: string;
  readonly mentionsBot: boolean;
  /** A command given by mention or as typed text; it is about the place it was typed in. */
  readonly command: Command | undefined;
  readonly files: readonly RemoteFile[];
  readonly quoted: readonly Quoted[];
};

/** Ordinary messages and replies. Joins, pins, boosts, names of threads and the like are no talk. */
const TALK = new Set([0, 19]);
/** The first moment of Discord, from which its ids count milliseconds. */
const EPOCH_MS = 1_420_070_400_000;

export const userIdOf = (id: string): string => `discord:${id}`;
export const timeOf = (id: string): number => Number(BigInt(id) >> 22n) + EPOCH_MS;

/** @param commands names that people may type. Undefined for what is no talk, and for the bot's own messages. */
export function parseMessage(
  raw: unknown,
  bot: string,
  commands: ReadonlySet<string>,
): ParsedMessage | undefined {
  const parsed = message.safeParse(raw);
  if (!parsed.success || !TALK.has(parsed.data.type) || parsed.data.author.id === bot) return undefined;
  const { data } = parsed;
  // Discord lists everybody a message rings, also the author of the message it replies to.
  const mentionsBot = data.mentions.some(({ id }) => id === bot);
  const words = readable(data.content, bot, data.mentions);
  return {
    id: data.id,
    at: timeOf(data.id),
    channel: data.channel_id,
    guild: data.guild_id,
    author: authorOf(data),
    text: words,
    mentionsBot,
    command: commandIn(words, mentionsBot, commands),
    files: filesOf(data),
    quoted: quotedOf(data),
  };
}

export function toInbound(
  parsed: ParsedMessage,
  place: Place,
  attachments: InboundMessage['attachments'],
): InboundMessage {
  const { id, at, author, text, mentionsBot, command, quoted } = parsed;
  return {
    id,
    at,
    where: refOf(place),
    author,
    text,
    direct: place.direct,
    ...(place.closed === true ? { closedThread: true } : {}),
    mentionsBot,
    ...(command === undefined ? {} : { command }),
    attachments,
    ...(quoted.length === 0 ? {} : { quoted }),
  };
}

/** An edit by its author. Discord also announces previews and pins this way, without a time of editing. */
export function isEdit(raw: unknown): boolean {
  const parsed = message.pick({ edited_timestamp: true }).safeParse(raw);
  return parsed.success && typeof parsed.data.edited_timestamp === 'string';
}

export const toEdit = (parsed: ParsedMessage, place: Place): MessageEdit => ({
  id: parsed.id,
  where: refOf(place),
  author: parsed.author,
  text: parsed.text,
});

const deletion = z.object({
  id: snowflake.optional(),
  ids: z.array(snowflake).max(1_000).optional(),
  channel_id: snowflake,
  guild_id: snowflake.optional(),
});

export function parseDeletion(
  raw: unknown,
): { ids: readonly string[]; channel: string; guild: string | undefined } | undefined {
  const parsed = deletion.safeParse(raw);
  if (!parsed.success) return undefined;
  const { id, ids = [], channel_id: channel, guild_id: guild } = parsed.data;
  return { ids: id === undefined ? ids : [id, ...ids], channel, guild };
}

function authorOf({ author, member, webhook_id }: RawMessage): Author {
  const kind = webhook_id !== undefined ? 'webhook' : author.bot || author.system ? 'bot' : 'person';
  return { id: userIdOf(author.id), name: nameOf(author, member), kind };
}

export function personOf(raw: unknown, rawMember?: unknown): Author | undefined {
  const parsed = user.safeParse(raw);
  if (!parsed.success) return undefined;
  const known = member.safeParse(rawMember);
  return {
    id: userIdOf(parsed.data.id),
    name: nameOf(parsed.data, known.success ? known.data : undefined),
    kind: parsed.data.bot || parsed.data.system ? 'bot' : 'person',
  };
}

const nameOf = (
  { username, global_name }: z.output<typeof user>,
  known: z.output<typeof member> | undefined,
): string => personName(known?.nick || global_name || username);

/** Without the mention of the bot; other people by name instead of by number. */
function readable(content: string, bot: string, mentions: RawMessage['mentions']): string {
  const names = new Map(mentions.map((one) => [one.id, nameOf(one, undefined)]));
  return content
    .replace(/<@!?(\d{17,20})>/g, (whole, id: string) => {
      if (id === bot) return '';
      const name = names.get(id);
      return name === undefined ? whole : `@${name}`;
    })
    .trim();
}

/** After a mention these words need no sign in front; the others only if they stand alone. */
const WITH_ARGUMENT = new Set(['btw', 'approve']);

/** `!name …`, `/name …`, and after a mention `name`. The argument is all of the rest, line breaks included. */
function commandIn(words: string, mentionsBot: boolean, names: ReadonlySet<string>): Command | undefined {
  const match = /^([/!]?)([a-z]{1,32})(?=\s|$)/i.exec(words);
  const name = match?.[2]?.toLowerCase();
  if (match === null || name === undefined || !names.has(name)) return undefined;
  const argument = words.slice(match[0].length).trim();
  if (match[1] !== '') return { name, argument };
  const isCommand = mentionsBot && (WITH_ARGUMENT.has(name) || argument === '');
  return isCommand ? { name, argument } : undefined;
}

function filesOf(data: RawMessage): RemoteFile[] {
  const forwarded = (data.message_snapshots ?? []).flatMap((one) => one.message.attachments);
  return [...data.attachments, ...forwarded].map(({ filename, size, url, content_type }) => ({
    name: fileName(filename),
    mimeType: content_type ?? 'application/octet-stream',
    sizeBytes: size,
    url,
  }));
}

function quotedOf({ referenced_message: replied, message_snapshots: forwards }: RawMessage): Quoted[] {
  const quotes: Quoted[] = [];
  if (replied !== null && replied !== undefined && replied.content !== '')
    quotes.push({ from: nameOf(replied.author, undefined), text: quote(replied.content) });
  for (const { message: forwarded } of forwards ?? [])
    if (forwarded.content !== '')
      quotes.push({ from: 'a forwarded message', text: quote(forwarded.content) });
  return quotes;
}

export const short = (value: string, most: number): string =>
  value.length <= most
    ? value
    : `${value
        .slice(0, most - 1)
        .toWellFormed()
        .replace(/\uFFFD$/, '')}…`;
