/** What the page sends, as the gateway's nouns (pure). */
import { z } from 'zod';
import type { Post } from '../../domain/feed.ts';
import type { Author, Command, InboundMessage } from '../../domain/message.ts';
import type { WebConfig } from './config.ts';
import { type Place, refOf } from './places.ts';
import type { Person } from './sign-in.ts';

/** One message, in bytes of UTF-8. */
export const MAX_TEXT_BYTES = 256 * 1024;

/** The form of every id the web chat makes: nothing else can name anything. */
export const isId = (text: string): boolean => /^[\w-]{1,64}$/.test(text);
const id = z.string().refine(isId, 'is no id');
/** Chosen by the page, kept over its retries. */
const clientId = z.string().regex(/^[\w-]{8,64}$/);
const place = { conversation: id, thread: id.nullable().default(null) };
/** Control characters in a title would only hide something. */
const title = z
  .string()
  .trim()
  .min(1)
  .max(80)
  .regex(/^[^\p{Cc}\p{Cf}]*$/u, 'holds characters that nobody can see');

export const requests = {
  message: z.strictObject({ ...place, text: z.string(), clientId }),
  edit: z.strictObject({ text: z.string() }),
  click: z.strictObject({ ...place, token: z.string().max(64), clientId }),
  place: z.strictObject(place),
  conversation: z.strictObject({ title, shared: z.boolean() }),
  title: z.strictObject({ title }),
};

/** `/name rest`: the rest is kept whole, line breaks included. A path (`/etc/hosts`) is no command. */
export function parseCommand(text: string): Command | undefined {
  const match = /^\/([A-Za-z][\w-]{0,31})(?:\s+([\s\S]*))?$/.exec(text.trim());
  if (match?.[1] === undefined) return undefined;
  return { name: match[1].toLowerCase(), argument: (match[2] ?? '').trimEnd() };
}

export const authorOf = (person: Person): Author => ({ id: person.id, name: person.name, kind: 'person' });

/**
 * Where a message belongs: its thread, or, where the config wants answers in threads, the one it starts.
 * A command never starts one: it is about the place it was typed in.
 */
export function placeOfPost(
  post: Place & { readonly id: string },
  isShared: boolean,
  config: WebConfig,
): Place {
  const thread = post.thread ?? (isShared && config.reply_in_thread ? post.id : null);
  return { conversation: post.conversation, thread };
}

export function toInbound(message: {
  id: string;
  at: number;
  place: Place;
  person: Person;
  text: string;
  direct: boolean;
  command?: Command;
}): InboundMessage {
  const { id, at, place, person, text, direct, command } = message;
  return {
    id,
    at,
    where: refOf(place),
    author: authorOf(person),
    text,
    direct,
    mentionsBot: /(^|\W)@parley\b/i.test(text),
    // The private answer to a command belongs to its echo, which has the same id.
    ...(command === undefined ? {} : { command, replyToken: id }),
    attachments: [],
  };
}

/** Whether a post is one the person may change. */
export const isOwn = (post: Post, person: Person): boolean => post.author === person.id && !post.deleted;
