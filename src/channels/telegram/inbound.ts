/**
 * Telegram's updates as the gateway's nouns (pure and total): whatever does not have the shape we know is undefined,
 * never an exception. Files are named here and fetched later.
 */
import { z } from 'zod';
import type { Author, ButtonClick, InboundMessage, MessageEdit, Quoted } from '../../domain/message.ts';
import { fileName, personName, quote } from '../names.ts';
import { type BotIdentity, refOf, userIdOf } from './places.ts';

export type FileRef = {
  readonly fileId: string;
  readonly name: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
};

export type Incoming =
  | {
      readonly kind: 'message';
      readonly message: InboundMessage;
      readonly files: readonly FileRef[];
      /** Messages of one album share it. */
      readonly album?: string;
    }
  | { readonly kind: 'edit'; readonly edit: MessageEdit }
  | { readonly kind: 'click'; readonly click: ButtonClick; readonly queryId: string }
  | { readonly kind: 'stop'; readonly where: InboundMessage['where']; readonly by: Author };

/** Telegram's own limit is 4096, 32,768 for rich text; more than that does not come from there. */
const MAX_TEXT = 40_000;
/** Telegram's limit for what a button carries, in bytes. */
const MAX_BUTTON_BYTES = 64;

const integer = z.int();
const text = z.string().max(MAX_TEXT);
const user = z.object({
  id: integer.positive(),
  is_bot: z.boolean(),
  first_name: z.string().default(''),
  last_name: z.string().optional(),
  username: z.string().optional(),
});
const chat = z.object({
  id: integer,
  type: z.enum(['private', 'group', 'supergroup', 'channel']),
  is_forum: z.boolean().optional(),
  title: z.string().optional(),
  first_name: z.string().optional(),
  last_name: z.string().optional(),
});
const entity = z.object({
  type: z.string(),
  offset: integer.nonnegative(),
  length: integer.positive(),
  user: user.optional(),
});
const file = z.object({
  file_id: z.string().min(1).max(512),
  file_name: z.string().optional(),
  mime_type: z.string().optional(),
  file_size: integer.nonnegative().optional(),
});
const origin = z.object({
  sender_user: user.optional(),
  sender_user_name: z.string().optional(),
  sender_chat: chat.optional(),
  chat: chat.optional(),
});
const content = {
  text: text.optional(),
  caption: text.optional(),
  entities: z.array(entity).max(1_000).optional(),
  caption_entities: z.array(entity).max(1_000).optional(),
};
const message = z.object({
  message_id: integer.nonnegative(),
  ephemeral_message_id: integer.positive().optional(),
  message_thread_id: integer.positive().optional(),
  is_topic_message: z.boolean().optional(),
  date: integer.nonnegative(),
  chat,
  from: user.optional(),
  sender_chat: chat.optional(),
  ...content,
  quote: z.object({ text }).optional(),
  reply_to_message: z
    .object({ message_id: integer, from: user.optional(), sender_chat: chat.optional(), ...content })
    .optional(),
  forward_origin: origin.optional(),
  media_group_id: z.string().max(64).optional(),
  photo: z.array(file).max(20).optional(),
  document: file.optional(),
  audio: file.optional(),
  video: file.optional(),
  voice: file.optional(),
  video_note: file.optional(),
  animation: file.optional(),
  sticker: file.optional(),
});
type Message = z.output<typeof message>;

const update = z.object({
  update_id: integer.nonnegative(),
  message: message.optional(),
  edited_message: message.optional(),
  callback_query: z
    .object({
      id: z.string().min(1).max(64),
      from: user,
      data: z.string().min(1).max(MAX_BUTTON_BYTES),
      // One that has become too old comes without its text and its topic.
      message: z.object({
        message_id: integer,
        date: integer.optional(),
        chat,
        message_thread_id: integer.positive().optional(),
        is_topic_message: z.boolean().optional(),
        reply_to_message: z.unknown().optional(),
      }),
    })
    .optional(),
  stopped_message_generation: z.object({ chat, message_thread_id: integer.positive().optional() }).optional(),
});

const numbered = z.object({ update_id: integer.nonnegative() });

/** The number by which an update is confirmed, of anything that has one. */
export function updateIdOf(raw: unknown): number | undefined {
  const parsed = numbered.safeParse(raw);
  return parsed.success ? parsed.data.update_id : undefined;
}

/** @param now for clicks, which carry no time of their own. */
export function parseUpdate(raw: unknown, bot: BotIdentity, now: number): Incoming | undefined {
  const parsed = update.safeParse(raw);
  if (!parsed.success) return undefined;
  const { message, edited_message: edited, callback_query: query } = parsed.data;
  if (message !== undefined) return toMessage(message, bot);
  if (edited !== undefined) return toEdit(edited, bot);
  if (query !== undefined) {
    if (Buffer.byteLength(query.data) > MAX_BUTTON_BYTES) return undefined;
    const where = placeOf(query.message, bot);
    const id = query.id;
    const author = authorOfUser(query.from);
    return {
      kind: 'click',
      queryId: id,
      click: {
        id,
        at: now,
        where,
        author,
        token: query.data,
        on: { where, id: String(query.message.message_id) },
        replyToken: `q:${id}`,
      },
    };
  }
  const stopped = parsed.data.stopped_message_generation;
  if (stopped === undefined || stopped.chat.type !== 'private') return undefined;
  return {
    kind: 'stop',
    where: refOf(bot, stopped.chat.id, stopped.message_thread_id),
    by: { id: userIdOf(stopped.chat.id), name: nameOf(stopped.chat), kind: 'person' },
  };
}

function toMessage(sent: Message, bot: BotIdentity): Incoming | undefined {
  const author = authorOf(sent);
  if (author === undefined) return undefined;
  const files = filesOf(sent);
  const own = ownText(sent, bot);
  const quoted = quotesOf(sent, bot);
  if (own === undefined || (own.text === '' && files.length === 0 && quoted.length === 0)) return undefined;
  const direct = sent.chat.type === 'private';
  return {
    kind: 'message',
    files,
    ...(sent.media_group_id === undefined ? {} : { album: sent.media_group_id }),
    message: {
      id: idOf(sent),
      at: sent.date * 1000,
      where: placeOf(sent, bot),
      author,
      text: own.text === '' && files.length === 0 ? 'See the quoted message.' : own.text,
      direct,
      mentionsBot: own.mentionsBot || repliesTo(sent, bot),
      // The button "Start" of a new chat sends this; it asks what the bot is for.
      ...(direct && /^\/start\b/.test(own.text) ? { command: { name: 'help', argument: '' } } : {}),
      ...(sent.ephemeral_message_id === undefined ? {} : { replyToken: `m:${sent.ephemeral_message_id}` }),
      attachments: [],
      ...(quoted.length === 0 ? {} : { quoted }),
    },
  };
}

function toEdit(edited: Message, bot: BotIdentity): Incoming | undefined {
  const author = authorOf(edited);
  const own = ownText(edited, bot);
  if (author === undefined || own === undefined || edited.ephemeral_message_id !== undefined)
    return undefined;
  return {
    kind: 'edit',
    edit: { id: idOf(edited), where: placeOf(edited, bot), author, text: own.text },
  };
}

/** Messages that one person alone sees have no number in the chat, and theirs is used again after a while. */
const idOf = (sent: Message): string =>
  sent.ephemeral_message_id === undefined
    ? String(sent.message_id)
    : `e${sent.ephemeral_message_id}-${sent.date}`;

const placeOf = (sent: Placed, bot: BotIdentity) =>
  refOf(bot, sent.chat.id, isInTopic(sent) ? sent.message_thread_id : undefined);

type Placed = Pick<Message, 'chat' | 'message_thread_id' | 'is_topic_message'> & {
  readonly reply_to_message?: unknown;
};

/** In a group without topics, replies carry a thread's number too: that of the message they go back to. */
const isInTopic = ({ chat, is_topic_message, reply_to_message }: Placed): boolean =>
  is_topic_message === true ||
  chat.is_forum === true ||
  chat.type === 'private' ||
  reply_to_message === undefined;

/** Undefined when nobody in particular wrote it (service messages of channels). */
function authorOf(sent: Pick<Message, 'from' | 'sender_chat'>): Author | undefined {
  // Anonymous admins, channels and linked channels speak as a chat; `from` is a stand-in then.
  if (sent.sender_chat !== undefined)
    return {
      id: userIdOf(sent.sender_chat.id),
      name: personName(sent.sender_chat.title ?? '', nameOf(sent.sender_chat)),
      kind: 'anonymous',
    };
  return sent.from === undefined ? undefined : authorOfUser(sent.from);
}

const authorOfUser = (from: z.output<typeof user>): Author => ({
  id: userIdOf(from.id),
  name: nameOf(from),
  kind: from.is_bot ? 'bot' : 'person',
});

const nameOf = (from: { first_name?: string | undefined; last_name?: string | undefined }): string =>
  personName([from.first_name, from.last_name].filter((part) => part !== undefined && part !== '').join(' '));

/** The author's own words without the bot's name. Undefined when they are a command for another bot. */
function ownText(sent: Message, bot: BotIdentity): { text: string; mentionsBot: boolean } | undefined {
  if (sent.forward_origin !== undefined) return { text: '', mentionsBot: false };
  const source = sent.text ?? sent.caption ?? '';
  const name = `@${bot.username}`.toLowerCase();
  let text = source;
  let mentionsBot = false;
  const entities = [...((sent.text === undefined ? sent.caption_entities : sent.entities) ?? [])];
  // From the end, so that earlier positions stay right.
  for (const { type, offset, length, user: mentioned } of entities.sort((a, b) => b.offset - a.offset)) {
    const covered = source.slice(offset, offset + length);
    const isName =
      (type === 'mention' && covered.toLowerCase() === name) ||
      (type === 'text_mention' && mentioned?.id === bot.id);
    if (isName) {
      mentionsBot = true;
      text = `${text.slice(0, offset).trimEnd()} ${text.slice(offset + length).trimStart()}`;
    }
    const at = covered.indexOf('@');
    if (type === 'bot_command' && offset === 0 && at > 0) {
      if (covered.slice(at).toLowerCase() !== name) return undefined;
      mentionsBot = true;
      text = covered.slice(0, at) + text.slice(length);
    }
  }
  return { text: text.trim(), mentionsBot };
}

/** In a topic, every message counts as a reply to the topic's first one: that addresses nobody. */
const repliesTo = (sent: Message, bot: BotIdentity): boolean =>
  sent.reply_to_message?.from?.id === bot.id && sent.reply_to_message.message_id !== sent.message_thread_id;

function quotesOf(sent: Message, bot: BotIdentity): Quoted[] {
  const quotes: Quoted[] = [];
  const { reply_to_message: target, forward_origin: from } = sent;
  const said = sent.quote?.text ?? target?.text ?? target?.caption;
  if (said !== undefined && target?.message_id !== sent.message_thread_id) {
    const author = target === undefined ? undefined : authorOf(target);
    const name = target?.from?.id === bot.id ? 'you' : (author?.name ?? 'another chat');
    quotes.push({ from: name, text: quote(said) });
  }
  const forwarded = sent.text ?? sent.caption;
  if (from !== undefined && forwarded !== undefined) {
    const author = from.sender_user ?? from.sender_chat ?? from.chat;
    const title = author !== undefined && 'title' in author ? author.title : undefined;
    const name = personName(
      from.sender_user_name ?? title ?? '',
      author === undefined ? undefined : nameOf(author),
    );
    quotes.push({ from: `${name} (forwarded)`, text: quote(forwarded) });
  }
  return quotes;
}

function filesOf(sent: Message): FileRef[] {
  const photo = sent.photo?.at(-1);
  const named: [z.output<typeof file> | undefined, string, string][] = [
    [photo, 'photo.jpg', 'image/jpeg'],
    // An animation also comes as a document, of the same file.
    [sent.document, 'file', 'application/octet-stream'],
    [sent.audio, 'audio', 'audio/mpeg'],
    [sent.video, 'video.mp4', 'video/mp4'],
    [sent.voice, 'voice.ogg', 'audio/ogg'],
    [sent.video_note, 'video.mp4', 'video/mp4'],
    [sent.sticker, 'sticker.webp', 'image/webp'],
  ];
  return named.flatMap(([found, name, mimeType]) =>
    found === undefined
      ? []
      : [
          {
            fileId: found.file_id,
            name: fileName(found.file_name ?? name, name),
            mimeType: (found.mime_type ?? mimeType).slice(0, 128),
            sizeBytes: found.file_size ?? 0,
          },
        ],
  );
}
