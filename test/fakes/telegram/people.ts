/** What people do in the fake Telegram, and what they see there. */
import type { Chat, Person, Shown, State } from './state.ts';

export type Said = {
  readonly chat: number;
  readonly from: Person;
  readonly text: string;
  readonly topic?: number;
  readonly replyTo?: { readonly id: number; readonly from: Person; readonly text: string };
  readonly forwardedFrom?: string;
  readonly file?: {
    readonly id: string;
    readonly name: string;
    readonly type: string;
    readonly size?: number;
  };
  readonly photo?: { readonly id: string };
  readonly album?: string;
  /** An ephemeral command: only the bot gets it. */
  readonly ephemeral?: boolean;
  /** Speaks as the group itself. */
  readonly anonymous?: boolean;
};

export type People = {
  person(name: string): Person;
  /** The private chat with somebody who has pressed Start. */
  direct(person: Person): number;
  group(title: string, members: readonly Person[], options?: { botIsAdmin?: boolean }): number;
  leave(chat: number, person: Person): void;
  /** The number of the message. */
  say(said: Said): number;
  edit(chat: number, from: Person, id: number, text: string): void;
  /** Presses a button by its words; the id of the press. */
  press(shown: Shown, from: Person, label: string): string;
  pressToken(shown: Pick<Shown, 'chat' | 'id' | 'topic'>, from: Person, data: string): string;
  stopDraft(chat: number): void;
  /** Any update, well-formed or not. */
  push(update: Readonly<Record<string, unknown>>): number;
  /** The last update again, as Telegram does when it is not sure. */
  repeat(update: number): void;
  file(id: string, bytes: Buffer | string): void;
  /** Messages of the bot that somebody can see now, oldest first. */
  sees(person: Person, chat?: number): Shown[];
};

export function createPeople(state: State, wake: () => void): People {
  let nextPerson = 1001;
  let nextGroup = -1_000_001;
  const sent = new Map<number, { readonly update_id: number; readonly [kind: string]: unknown }>();

  function push(update: Readonly<Record<string, unknown>>): number {
    const stored = { update_id: state.nextUpdate++, ...update };
    sent.set(stored.update_id, stored);
    state.updates.push(stored);
    wake();
    return stored.update_id;
  }

  function messageOf(said: Said, id: number): Record<string, unknown> {
    const { from, topic, replyTo, file, photo } = said;
    const chat = state.chats.get(said.chat);
    const words = entitiesOf(said.text);
    const isFile = file !== undefined || photo !== undefined;
    return {
      message_id: said.ephemeral ? 0 : id,
      ...(said.ephemeral ? { ephemeral_message_id: id } : {}),
      date: Math.floor(Date.now() / 1000),
      chat,
      from: said.anonymous ? { id: 1087968824, is_bot: true, first_name: 'Group' } : from,
      ...(said.anonymous ? { sender_chat: chat } : {}),
      ...(isFile ? { caption: said.text, caption_entities: words } : { text: said.text, entities: words }),
      ...(topic === undefined ? {} : { message_thread_id: topic, is_topic_message: true }),
      ...(replyTo === undefined
        ? {}
        : {
            reply_to_message: {
              message_id: replyTo.id,
              from: replyTo.from,
              date: 1,
              chat,
              text: replyTo.text,
            },
          }),
      ...(said.forwardedFrom === undefined
        ? {}
        : { forward_origin: { type: 'hidden_user', date: 1, sender_user_name: said.forwardedFrom } }),
      ...(file === undefined
        ? {}
        : {
            document: {
              file_id: file.id,
              file_unique_id: file.id,
              file_name: file.name,
              mime_type: file.type,
              file_size: file.size ?? state.files.get(file.id)?.bytes.length,
            },
          }),
      ...(photo === undefined
        ? {}
        : { photo: [{ file_id: photo.id, file_unique_id: photo.id, width: 9, height: 9 }] }),
      ...(said.album === undefined ? {} : { media_group_id: said.album }),
    };
  }

  function pressToken(shown: Pick<Shown, 'chat' | 'id' | 'topic'>, from: Person, data: string): string {
    const id = `query${state.nextMessage++}`;
    state.queries.set(id, { from: from.id, at: Date.now() });
    state.triggers.set(`q:${id}`, Date.now());
    const topic = shown.topic === undefined ? {} : { message_thread_id: shown.topic, is_topic_message: true };
    const message = { message_id: shown.id, date: 1, chat: state.chats.get(shown.chat), ...topic };
    push({ callback_query: { id, from, chat_instance: 'x', data, message } });
    return id;
  }

  return {
    person(name) {
      return { id: nextPerson++, first_name: name, is_bot: false, username: name.toLowerCase() };
    },
    direct(person) {
      const chat: Chat = { id: person.id, type: 'private', first_name: person.first_name };
      state.chats.set(chat.id, chat);
      state.started.add(person.id);
      return chat.id;
    },
    group(title, members, { botIsAdmin = false } = {}) {
      const chat: Chat = { id: nextGroup--, type: 'supergroup', title };
      state.chats.set(chat.id, chat);
      state.members.set(chat.id, new Set(members.map((member) => member.id)));
      for (const { id, first_name } of members)
        if (!state.chats.has(id)) state.chats.set(id, { id, type: 'private', first_name });
      if (botIsAdmin) state.admin.add(chat.id);
      return chat.id;
    },
    leave: (chat, person) => void state.members.get(chat)?.delete(person.id),
    say(said) {
      const id = state.nextMessage++;
      if (said.ephemeral) state.triggers.set(`m:${id}`, Date.now());
      push({ message: messageOf(said, id) });
      return id;
    },
    edit(chat, from, id, text) {
      push({ edited_message: { ...messageOf({ chat, from, text }, id), edit_date: 1 } });
    },
    press(shown, from, label) {
      const buttons = shown.keyboard?.inline_keyboard.flat() ?? [];
      const button = buttons.find((one) => one.text === label);
      if (button === undefined) throw new Error(`no button "${label}" on: ${shown.text}`);
      return pressToken(shown, from, button.callback_data);
    },
    pressToken,
    stopDraft(chat) {
      push({ stopped_message_generation: { chat: state.chats.get(chat), draft_id: 1 } });
    },
    push,
    repeat(update) {
      const stored = sent.get(update);
      if (stored === undefined) throw new Error(`no update ${update}`);
      if (!state.updates.includes(stored)) state.updates.unshift(stored);
      else state.updates.push(stored);
      wake();
    },
    file(id, content) {
      const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content);
      state.files.set(id, { path: `documents/${id}`, bytes, expired: false });
    },
    sees(person, chat) {
      const isIn = (one: Shown) =>
        one.chat === person.id || state.members.get(one.chat)?.has(person.id) === true;
      return state.shown.filter(
        (one) =>
          !one.deleted &&
          isIn(one) &&
          (chat === undefined || one.chat === chat) &&
          (one.receiver === undefined || one.receiver === person.id),
      );
    },
  };
}

function entitiesOf(text: string): { type: string; offset: number; length: number }[] {
  const found = [...text.matchAll(/@\w+/g)].map((match) => ({
    type: 'mention',
    offset: match.index,
    length: match[0].length,
  }));
  const command = /^\/\w+(?:@\w+)?/.exec(text);
  return command === null
    ? found
    : [
        { type: 'bot_command', offset: 0, length: command[0].length },
        ...found.filter((one) => one.offset >= command[0].length),
      ];
}
