/**
 * Slack's payloads as the gateway's nouns (pure and total): whatever arrives, it is one of these or undefined.
 */
import type {
  Author,
  ButtonClick,
  ConversationRef,
  InboundMessage,
  MessageDeletion,
  MessageEdit,
  Quoted,
} from '../../domain/message.ts';
import { parseButton } from '../button-token.ts';
import { personName, quote } from '../names.ts';
import { parseModal } from './modal.ts';
import { toPlain } from './mrkdwn.ts';
import {
  actionsBody,
  commandBody,
  parseEvent,
  type SlackChanged,
  type SlackDeleted,
  type SlackFile,
  type SlackMessage,
  type SlackPosted,
  shortcutBody,
  submissionBody,
} from './payloads.ts';
import { type Bot, encodeRoute, isDirect, messageIdOf, placeOf, userIdOf } from './places.ts';
import type { Place } from './seen.ts';

export type InboundOptions = {
  readonly bot: Bot;
  readonly replyInThread: boolean;
  /** Names of the chat commands. */
  readonly commands: ReadonlySet<string>;
};

export type Inbound =
  | {
      readonly kind: 'message';
      readonly message: InboundMessage;
      readonly files: readonly SlackFile[];
      /** Where it stands; commands stand nowhere. */
      readonly posted?: Place & { readonly ts: string };
    }
  | { readonly kind: 'edit'; readonly edit: MessageEdit; readonly eventId: string | undefined }
  | { readonly kind: 'deletion'; readonly deletion: MessageDeletion; readonly eventId: string | undefined }
  | { readonly kind: 'click'; readonly click: ButtonClick }
  /** Somebody wants to ask aside: the modal is to be opened. */
  | { readonly kind: 'ask'; readonly where: ConversationRef; readonly trigger: string }
  /** The modal was sent off. */
  | { readonly kind: 'asked'; readonly message: InboundMessage; readonly viewId: string }
  | { readonly kind: 'stop'; readonly where: ConversationRef; readonly by: Author }
  | { readonly kind: 'gone'; readonly reason: string };

/** Callback of the message shortcut in the manifest. */
export const ASK_SHORTCUT = 'ask_aside';
/** The one slash command that names the others: Slack has its own `/status` and `/help`. */
export const UMBRELLA = 'parley';

/** Kinds of messages that people write; joins, renames and the like are none. */
const written = new Set([undefined, 'file_share', 'thread_broadcast', 'me_message', 'bot_message']);

export function toInbound(body: unknown, options: InboundOptions, now: number): Inbound | undefined {
  return (
    fromEvent(body, options) ??
    fromCommand(body, options, now) ??
    fromAction(body, options, now) ??
    fromShortcut(body, options) ??
    fromSubmission(body, options, now)
  );
}

function fromEvent(body: unknown, options: InboundOptions): Inbound | undefined {
  const parsed = parseEvent(body);
  if (parsed === undefined) return undefined;
  const { event, eventId } = parsed;
  const { bot } = options;
  if (event.type === 'app_uninstalled' || event.type === 'tokens_revoked')
    return { kind: 'gone', reason: event.type };
  if (event.type === 'agent_session_stopped') {
    const channel = event.channel ?? event.channel_id;
    const user = event.user ?? event.user_id;
    if (channel === undefined || user === undefined) return undefined;
    return { kind: 'stop', where: placeOf(bot, channel, event.thread_ts), by: personOf(user) };
  }
  if ('message' in event) return fromChange(event, options, eventId);
  if ('deleted_ts' in event) return fromDeletion(event, options, eventId);
  return fromMessage(event, options);
}

function fromMessage(event: SlackPosted, options: InboundOptions): Inbound | undefined {
  const { bot } = options;
  const author = authorOf(event, bot);
  if (author === undefined || !written.has(event.subtype)) return undefined;
  const { text, mentionsBot } = toPlain(event.text ?? '', bot.user);
  const direct = event.channel_type === 'im' || isDirect(event.channel);
  const command = commandOf(text, mentionsBot, options.commands);
  const quoted = quotedOf(event, bot);
  const inThread = event.thread_ts !== undefined;
  // A command is about the place it was typed in and starts no thread.
  const thread = event.thread_ts ?? (command === undefined ? newThread(event, direct, options) : undefined);
  const message: InboundMessage = {
    id: messageIdOf(event.channel, event.ts),
    at: Math.round(Number(event.ts) * 1000),
    where: placeOf(bot, event.channel, thread),
    author,
    text,
    direct,
    mentionsBot,
    ...(command === undefined ? {} : { command }),
    ...(command === undefined || inThread || direct ? {} : { replyToken: encodeRoute({ by: 'top' }) }),
    attachments: [],
    ...(quoted.length === 0 ? {} : { quoted }),
  };
  return {
    kind: 'message',
    message,
    files: event.files ?? [],
    posted: { channel: event.channel, thread: event.thread_ts ?? null, ts: event.ts },
  };
}

/** The thread an answer would open. */
const newThread = (message: { ts: string }, direct: boolean, options: InboundOptions): string | undefined =>
  !direct && options.replyInThread ? message.ts : undefined;

function fromChange(
  { channel, message, previous_message: before }: SlackChanged,
  options: InboundOptions,
  eventId: string | undefined,
): Inbound | undefined {
  const author = authorOf(message, options.bot);
  // Slack reports a change too when it adds a preview of a link.
  if (author === undefined || before?.text === message.text) return undefined;
  const thread = message.thread_ts ?? newThread(message, isDirect(channel), options);
  const edit: MessageEdit = {
    id: messageIdOf(channel, message.ts),
    where: placeOf(options.bot, channel, thread),
    author,
    text: toPlain(message.text ?? '', options.bot.user).text,
  };
  return { kind: 'edit', edit, eventId };
}

function fromDeletion(
  { channel, deleted_ts: ts, previous_message: before }: SlackDeleted,
  options: InboundOptions,
  eventId: string | undefined,
): Inbound | undefined {
  const author = authorOf({ ...before, ts }, options.bot);
  if (author === undefined) return undefined;
  const thread = before?.thread_ts ?? newThread({ ts }, isDirect(channel), options);
  const deletion: MessageDeletion = {
    id: messageIdOf(channel, ts),
    where: placeOf(options.bot, channel, thread),
    author,
  };
  return { kind: 'deletion', deletion, eventId };
}

function fromCommand(body: unknown, options: InboundOptions, now: number): Inbound | undefined {
  const parsed = commandBody.safeParse(body);
  if (!parsed.success) return undefined;
  const {
    command: typed,
    text,
    user_id: user,
    user_name: name,
    team_id: team,
    channel_id: channel,
    response_url: url,
    trigger_id: trigger,
  } = parsed.data;
  const direct = isDirect(channel);
  const command = slashCommand(typed.slice(1).toLowerCase(), toPlain(text, options.bot.user).text.trim());
  const message: InboundMessage = {
    id: `command:${trigger ?? url ?? `${user}:${now}`}`,
    at: now,
    where: placeOf(options.bot, channel, undefined),
    author: personOf(user, name, team, options.bot),
    text: `/${command.name} ${command.argument}`.trimEnd(),
    direct,
    mentionsBot: true,
    command,
    ...(url === undefined ? {} : { replyToken: encodeRoute({ by: 'url', url }) }),
    attachments: [],
  };
  return { kind: 'message', message, files: [] };
}

function slashCommand(name: string, argument: string): { name: string; argument: string } {
  if (name !== UMBRELLA) return { name, argument };
  const [, inner = 'help', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(argument) ?? [];
  return { name: inner.toLowerCase(), argument: rest };
}

function fromAction(body: unknown, options: InboundOptions, now: number): Inbound | undefined {
  const parsed = actionsBody.safeParse(body);
  if (!parsed.success) return undefined;
  const { user, channel, container, message, trigger_id: trigger, actions } = parsed.data;
  const [action] = actions;
  const conversation = channel?.id ?? container?.channel_id ?? undefined;
  const ts = message?.ts ?? container?.message_ts ?? undefined;
  const token = action?.value ?? undefined;
  if (conversation === undefined || ts === undefined || token === undefined) return undefined;
  const where = placeOf(options.bot, conversation, message?.thread_ts ?? container?.thread_ts ?? undefined);
  if (parseButton(token)?.kind === 'btw' && trigger !== undefined) return { kind: 'ask', where, trigger };
  const click: ButtonClick = {
    id: `${conversation}:${ts}:${user.id}:${action?.action_ts ?? now}`,
    at: now,
    where,
    author: personOf(user.id, user.name ?? user.username, user.team_id, options.bot),
    token,
    on: { where, id: messageIdOf(conversation, ts) },
  };
  return { kind: 'click', click };
}

function fromShortcut(body: unknown, options: InboundOptions): Inbound | undefined {
  const parsed = shortcutBody.safeParse(body);
  if (!parsed.success || parsed.data.callback_id !== ASK_SHORTCUT) return undefined;
  const { channel, message, trigger_id: trigger } = parsed.data;
  const thread = message.thread_ts ?? newThread(message, isDirect(channel.id), options);
  return { kind: 'ask', where: placeOf(options.bot, channel.id, thread), trigger };
}

function fromSubmission(body: unknown, options: InboundOptions, now: number): Inbound | undefined {
  const parsed = submissionBody.safeParse(body);
  if (!parsed.success) return undefined;
  const { user, view } = parsed.data;
  const asked = parseModal(view);
  if (asked === undefined) return undefined;
  const message: InboundMessage = {
    id: `view:${view.id}`,
    at: now,
    where: placeOf(options.bot, asked.conversation, asked.thread),
    author: personOf(user.id, user.name ?? user.username, user.team_id, options.bot),
    text: `/btw ${asked.question}`,
    direct: isDirect(asked.conversation),
    mentionsBot: true,
    command: { name: 'btw', argument: asked.question },
    replyToken: encodeRoute({ by: 'view', id: view.id }),
    attachments: [],
  };
  return { kind: 'asked', message, viewId: view.id };
}

/** Undefined for our own messages, and for what nobody wrote. */
function authorOf(message: Partial<SlackMessage>, bot: Bot): Author | undefined {
  const { user, bot_id: botId, username } = message;
  if (user === bot.user || (botId != null && botId === bot.botId)) return undefined;
  if (botId != null && botId !== '') {
    // A webhook posts under a bot id without being a user.
    const kind = user === undefined ? 'webhook' : 'bot';
    return { id: userIdOf(user ?? botId), name: personName(username ?? '', botId), kind };
  }
  if (message.subtype === 'bot_message')
    return { id: userIdOf(user ?? 'webhook'), name: personName(username ?? '', 'webhook'), kind: 'webhook' };
  if (user === undefined) return undefined;
  return personOf(user, undefined, message.user_team ?? message.source_team ?? message.team, bot);
}

/** Somebody of another workspace (Slack Connect) is a guest, whatever a list says (A33). */
function personOf(user: string, name?: string | null, team?: string | null, bot?: Bot): Author {
  const foreign = bot !== undefined && team != null && team !== bot.team;
  return { id: userIdOf(user), name: personName(name ?? '', user), kind: foreign ? 'guest' : 'person' };
}

/** `/name …`, `!name …`; after a mention also the bare word, where nothing else can be meant. */
function commandOf(
  text: string,
  mentioned: boolean,
  names: ReadonlySet<string>,
): { name: string; argument: string } | undefined {
  const [, sign, word = '', rest = ''] = /^\s*([/!]?)([a-z]+)(?=\s|$)([\s\S]*)$/i.exec(text) ?? [];
  const name = word.toLowerCase();
  const argument = rest.trim();
  if (!names.has(name)) return undefined;
  if (sign !== '') return { name, argument };
  if (!mentioned) return undefined;
  const plain = name === 'btw' || argument === '' || (name === 'stop' && argument === 'all');
  const approval = name === 'approve' && /^\S+\s+(?:once|always|deny)$/.test(argument);
  return plain || approval ? { name, argument } : undefined;
}

/** Messages that were shared into this one: not the author's words. */
function quotedOf(message: SlackMessage, bot: Bot): Quoted[] {
  return (message.attachments ?? []).flatMap((one) => {
    if (one.is_msg_unfurl !== true && one.is_share !== true) return [];
    const text = quote(toPlain(one.text ?? '', bot.user).text);
    return text === '' ? [] : [{ from: personName(one.author_name ?? one.author_id ?? ''), text }];
  });
}
