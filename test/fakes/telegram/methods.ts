/** The Bot API methods the fake knows, as strict as the real ones about lengths, places and rights. */
import { z } from 'zod';
import type { Keyboard } from '../../../src/channels/telegram/parts.ts';
import { readHtml } from './html.ts';
import { readRich, richMessage } from './rich.ts';
import type { Shown, State } from './state.ts';

export class Refusal extends Error {
  readonly status: number;
  readonly retryAfter: number | undefined;
  constructor(status: number, description: string, retryAfter?: number) {
    super(description);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const bad = (description: string): never => {
  throw new Refusal(400, `Bad Request: ${description}`);
};

/** The rule of Bot API 10.2: an ephemeral answer of a bot that is no admin. */
const EPHEMERAL_WITHIN_MS = 15_000;

const keyboard = z.strictObject({
  inline_keyboard: z.array(
    z.array(
      z.strictObject({
        text: z.string().min(1),
        callback_data: z
          .string()
          .refine((data) => Buffer.byteLength(data) >= 1 && Buffer.byteLength(data) <= 64),
        style: z.enum(['danger', 'success', 'primary']).optional(),
      }),
    ),
  ),
});
const textFields = {
  text: z.string(),
  parse_mode: z.literal('HTML').optional(),
  // Required here: without it links are fetched for previews.
  link_preview_options: z.strictObject({ is_disabled: z.literal(true) }),
  reply_markup: keyboard.optional(),
};
const place = { chat_id: z.int(), message_thread_id: z.int().positive().optional() };

const payloads = {
  getMe: z.strictObject({}),
  deleteWebhook: z.strictObject({}),
  setWebhook: z.strictObject({
    url: z.string(),
    secret_token: z.string(),
    allowed_updates: z.array(z.string()),
  }),
  setMyCommands: z.strictObject({
    commands: z
      .array(
        z.strictObject({
          command: z.string().regex(/^[a-z0-9_]{1,32}$/),
          description: z.string().min(1).max(256),
          is_ephemeral: z.boolean().optional(),
        }),
      )
      .max(100),
  }),
  sendMessage: z.strictObject({
    ...place,
    ...textFields,
    reply_parameters: z
      .strictObject({
        message_id: z.int().optional(),
        ephemeral_message_id: z.int().optional(),
        allow_sending_without_reply: z.boolean().optional(),
      })
      .optional(),
    ephemeral_message_parameters: z
      .strictObject({ receiver_user_id: z.int(), callback_query_id: z.string().optional() })
      .optional(),
  }),
  sendMessageDraft: z.strictObject({
    ...place,
    draft_id: z.int().refine((id) => id !== 0),
    text: z.string(),
    parse_mode: z.literal('HTML'),
    can_stop: z.boolean(),
  }),
  sendRichMessage: z.strictObject({
    ...place,
    rich_message: richMessage,
    reply_markup: keyboard.optional(),
    reply_parameters: z
      .strictObject({ message_id: z.int(), allow_sending_without_reply: z.boolean() })
      .optional(),
  }),
  sendRichMessageDraft: z.strictObject({
    ...place,
    draft_id: z.int().refine((id) => id !== 0),
    rich_message: richMessage,
    can_stop: z.boolean(),
  }),
  editMessageText: z.union([
    z.strictObject({ chat_id: z.int(), message_id: z.int(), ...textFields }),
    z.strictObject({
      chat_id: z.int(),
      message_id: z.int(),
      rich_message: richMessage,
      reply_markup: keyboard.optional(),
    }),
  ]),
  editEphemeralMessageText: z.strictObject({
    chat_id: z.int(),
    receiver_user_id: z.int(),
    ephemeral_message_id: z.int(),
    ...textFields,
  }),
  deleteMessage: z.strictObject({ chat_id: z.int(), message_id: z.int() }),
  sendDocument: z.looseObject({
    chat_id: z.coerce.number(),
    message_thread_id: z.coerce.number().optional(),
    document: z.string(),
    caption: z.string().max(1024).optional(),
  }),
  sendChatAction: z.strictObject({ ...place, action: z.literal('typing') }),
  answerCallbackQuery: z.strictObject({
    callback_query_id: z.string(),
    text: z.string().max(200).optional(),
    show_alert: z.boolean().optional(),
  }),
  getChatMember: z.strictObject({ chat_id: z.int(), user_id: z.int() }),
  getFile: z.strictObject({ file_id: z.string() }),
};

type Method = keyof typeof payloads;
type Payload<M extends Method> = z.output<(typeof payloads)[M]>;
export type Upload = { readonly name: string; readonly text: string };

const handlers: {
  [M in Method]: (state: State, payload: Payload<M>, upload: Upload | undefined) => unknown;
} = {
  getMe: (state) => state.bot,
  deleteWebhook(state) {
    state.webhook = undefined;
    return true;
  },
  setWebhook(state, { url, secret_token }) {
    state.webhook = { url, secret: secret_token };
    return true;
  },
  setMyCommands: () => true,
  sendMessage(state, payload) {
    const { text } = legalText(payload.text);
    const ephemeral = payload.ephemeral_message_parameters;
    requireChat(state, payload.chat_id);
    if (ephemeral !== undefined) requireEphemeral(state, payload);
    const shown = show(state, {
      chat: payload.chat_id,
      topic: payload.message_thread_id,
      html: payload.text,
      text,
      keyboard: payload.reply_markup as Keyboard | undefined,
      replyTo: payload.reply_parameters?.message_id,
      receiver: ephemeral?.receiver_user_id,
      file: undefined,
    });
    const base = {
      date: Math.floor(Date.now() / 1000),
      chat: state.chats.get(payload.chat_id),
      from: state.bot,
    };
    return ephemeral === undefined
      ? { ...base, message_id: shown.id, text }
      : { ...base, message_id: 0, ephemeral_message_id: shown.id, text };
  },
  sendMessageDraft(state, { chat_id, text }) {
    if (chat_id < 0) bad('drafts are for private chats only');
    requireChat(state, chat_id);
    if (text !== '') legalText(text);
    return true;
  },
  sendRichMessage(state, payload) {
    requireChat(state, payload.chat_id);
    const text = legalRich(payload.rich_message);
    const shown = show(state, {
      chat: payload.chat_id,
      topic: payload.message_thread_id,
      html: JSON.stringify(payload.rich_message),
      text,
      keyboard: payload.reply_markup as Keyboard | undefined,
      replyTo: payload.reply_parameters?.message_id,
      receiver: undefined,
      file: undefined,
    });
    return { message_id: shown.id, date: 1, chat: state.chats.get(payload.chat_id), from: state.bot };
  },
  sendRichMessageDraft(state, { chat_id, rich_message }) {
    if (chat_id < 0) bad('drafts are for private chats only');
    requireChat(state, chat_id);
    legalRich(rich_message, true);
    return true;
  },
  editMessageText(state, payload) {
    const { chat_id, message_id, reply_markup } = payload;
    const found = state.shown.find(
      (one) => one.chat === chat_id && one.id === message_id && one.receiver === undefined,
    );
    if (found === undefined || found.deleted) return bad('message to edit not found');
    if (found.file !== undefined) return bad('there is no text in the message to edit');
    const markup = reply_markup as Keyboard | undefined;
    if ('text' in payload) return change(found, payload.text, markup);
    const text = legalRich(payload.rich_message);
    return change(found, JSON.stringify(payload.rich_message), markup, text);
  },
  editEphemeralMessageText(_state, payload) {
    const found = _state.shown.find(
      (one) =>
        one.chat === payload.chat_id &&
        one.id === payload.ephemeral_message_id &&
        one.receiver === payload.receiver_user_id,
    );
    if (found === undefined) return bad('message to edit not found');
    return change(found, payload.text, payload.reply_markup as Keyboard | undefined);
  },
  deleteMessage(state, { chat_id, message_id }) {
    const found = state.shown.find((one) => one.chat === chat_id && one.id === message_id && !one.deleted);
    if (found === undefined) return bad('message to delete not found');
    found.deleted = true;
    return true;
  },
  sendDocument(state, payload, upload) {
    requireChat(state, payload.chat_id);
    if (upload === undefined) return bad('there is no document in the request');
    const shown = show(state, {
      chat: payload.chat_id,
      topic: payload.message_thread_id,
      html: payload.caption ?? '',
      text: payload.caption ?? '',
      keyboard: undefined,
      replyTo: undefined,
      receiver: undefined,
      file: upload,
    });
    return { message_id: shown.id, date: 1, chat: state.chats.get(payload.chat_id) };
  },
  sendChatAction(state, { chat_id }) {
    requireChat(state, chat_id);
    return true;
  },
  answerCallbackQuery(state, { callback_query_id, text, show_alert }) {
    if (!state.queries.delete(callback_query_id))
      return bad('query is too old and response timeout expired or query ID is invalid');
    state.answers.push({ query: callback_query_id, text, alert: show_alert === true });
    return true;
  },
  getChatMember(state, { chat_id, user_id }) {
    const isMember = state.members.get(chat_id)?.has(user_id) === true;
    return { status: isMember ? 'member' : 'left', user: { id: user_id, is_bot: false, first_name: 'x' } };
  },
  getFile(state, { file_id }) {
    const found = state.files.get(file_id);
    if (found === undefined) return bad('wrong file_id');
    return { file_id, file_unique_id: file_id, file_size: found.bytes.length, file_path: found.path };
  },
};

export const knows = (method: string): method is Method => Object.hasOwn(payloads, method);

export function perform(state: State, method: Method, raw: unknown, upload: Upload | undefined): unknown {
  return run(state, method, raw, upload);
}

function run<M extends Method>(state: State, method: M, raw: unknown, upload: Upload | undefined): unknown {
  const parsed = payloads[method].safeParse(raw);
  if (!parsed.success) throw new Refusal(400, `Bad Request: ${parsed.error.message}`);
  return handlers[method](state, parsed.data as Payload<M>, upload);
}

function legalText(html: string): { text: string } {
  try {
    const { text, entities } = readHtml(html);
    if (text === '') bad('message text is empty');
    // Counted after the tags are read, in UTF-16 units.
    if (text.length > 4096) bad('message is too long');
    if (entities > 100) bad('more entities than are kept');
    return { text };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return bad(error instanceof Error ? error.message : 'unreadable');
  }
}

function legalRich(message: Payload<'sendRichMessage'>['rich_message'], isDraft = false): string {
  try {
    return readRich(message, isDraft);
  } catch (error) {
    return bad(error instanceof Error ? error.message : 'unreadable');
  }
}

function requireChat(state: State, id: number): void {
  const chat = state.chats.get(id);
  if (chat === undefined) bad('chat not found');
  if (chat?.type === 'private' && !state.started.has(id))
    throw new Refusal(403, "Forbidden: bot can't initiate conversation with a user");
}

function requireEphemeral(state: State, payload: Payload<'sendMessage'>): void {
  const { chat_id, ephemeral_message_parameters: ephemeral, reply_parameters: reply } = payload;
  if (chat_id > 0) bad('ephemeral messages are for groups only');
  if (!state.members.get(chat_id)?.has(ephemeral?.receiver_user_id ?? 0)) bad('user not found in the chat');
  const trigger =
    ephemeral?.callback_query_id === undefined
      ? `m:${reply?.ephemeral_message_id}`
      : `q:${ephemeral.callback_query_id}`;
  const at = state.triggers.get(trigger);
  const isInTime = at !== undefined && Date.now() - at <= EPHEMERAL_WITHIN_MS;
  if (!isInTime && !state.admin.has(chat_id)) bad('not enough rights to send an ephemeral message');
}

function show(state: State, shown: Omit<Shown, 'id' | 'deleted' | 'history'>): Shown {
  const message: Shown = { ...shown, id: state.nextMessage++, deleted: false, history: [shown.text] };
  state.shown.push(message);
  return message;
}

function change(
  shown: Shown,
  html: string,
  markup: Keyboard | undefined,
  text = legalText(html).text,
): unknown {
  const buttons = markup?.inline_keyboard.length === 0 ? undefined : markup;
  if (shown.html === html && JSON.stringify(shown.keyboard) === JSON.stringify(buttons))
    return bad(
      'message is not modified: specified new message content and reply markup are exactly the same',
    );
  shown.html = html;
  shown.text = text;
  shown.keyboard = buttons;
  shown.history.push(text);
  return true;
}
