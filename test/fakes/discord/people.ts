/** What people do on the fake Discord, and what each of them gets to see. */
import type { Gateway } from './gateway.ts';
import {
  type Channel,
  type ChannelType,
  type Component,
  describeChannel,
  describeMessage,
  type Ephemeral,
  GUILD,
  type Interaction,
  isThread,
  type Message,
  type Person,
  type World,
} from './world.ts';

export type SayOptions = {
  /** Whom the message mentions, besides those in its text. */
  readonly replyTo?: Message;
  readonly forward?: string;
  readonly attachments?: readonly { filename: string; url: string; size: number; content_type?: string }[];
  /** Overrides of the raw payload: types, webhooks, nonsense. */
  readonly raw?: Readonly<Record<string, unknown>>;
};

export type People = ReturnType<typeof createPeople>;

export function createPeople(
  world: World,
  gateway: Pick<Gateway, 'dispatch'>,
  fileUrl: (name: string) => string,
) {
  const mentioned = (text: string): Person[] =>
    [...text.matchAll(/<@!?(\d+)>/g)].flatMap(([, id]) => world.people.get(id ?? '') ?? []);

  function say(channel: string, from: Person, text: string, options: SayOptions = {}): string {
    const place = world.channels.get(channel);
    if (place === undefined) throw new Error(`no channel ${channel}`);
    const { replyTo, forward, attachments = [] } = options;
    const mentions = [...mentioned(text), ...(replyTo === undefined ? [] : [replyTo.author])];
    const raw = {
      type: replyTo === undefined ? 0 : 19,
      mentions,
      channel_type: place.type,
      attachments: attachments.map((file) => ({ id: world.newId(), ...file })),
      ...(replyTo === undefined ? {} : { referenced_message: describeMessage(replyTo) }),
      ...(forward === undefined
        ? {}
        : { message_snapshots: [{ message: { content: forward, attachments: [] } }] }),
      ...(place.guild_id === null ? {} : { guild_id: place.guild_id, member: { nick: null, roles: [] } }),
      ...options.raw,
    };
    const message: Message = {
      id: world.newId(),
      channel_id: channel,
      author: from,
      content: text,
      components: [],
      flags: 0,
      attachments: [],
      reference: null,
      nonce: null,
      versions: [text],
      deleted: false,
      thread: null,
      raw,
    };
    world.messages.set(message.id, message);
    place.last_message_id = message.id;
    gateway.dispatch('MESSAGE_CREATE', describeMessage(message));
    return message.id;
  }

  function interact(
    channel: string,
    user: Person,
    type: number,
    data: unknown,
    message: Message | null,
  ): Interaction {
    const interaction: Interaction = {
      id: world.newId(),
      token: `token-${world.newId()}`,
      user: user.id,
      channel,
      at: Date.now(),
      message: message?.id ?? null,
      response: null,
      expired: false,
    };
    world.interactions.set(interaction.token, interaction);
    const place = world.channels.get(channel);
    const isDirect = place?.guild_id === null;
    gateway.dispatch('INTERACTION_CREATE', {
      id: interaction.id,
      application_id: world.application,
      type,
      token: interaction.token,
      version: 1,
      channel_id: channel,
      ...(place === undefined ? {} : { channel: describeChannel(place) }),
      ...(isDirect ? { user } : { guild_id: GUILD, member: { user, nick: null, roles: [] } }),
      data,
      ...(message === null ? {} : { message: describeMessage(message) }),
    });
    return interaction;
  }

  function channel(name: string, type: ChannelType = 0, parent: string | null = null): string {
    const made = world.addChannel(type, name, parent);
    gateway.dispatch(isThread(type) ? 'THREAD_CREATE' : 'CHANNEL_CREATE', describeChannel(made));
    return made.id;
  }

  const own = (message: Message): boolean => message.author.id === world.bot.id && !message.deleted;

  return {
    say,
    channel,
    direct: (person: Person): string => world.addChannel(1, 'direct', null, world.newId(), [person.id]).id,
    file(name: string, bytes: Buffer | string): string {
      world.files.set(name, Buffer.from(bytes));
      return fileUrl(name);
    },
    edit(id: string, text: string): void {
      const message = world.messages.get(id);
      if (message === undefined) throw new Error(`no message ${id}`);
      message.content = text;
      gateway.dispatch('MESSAGE_UPDATE', {
        ...describeMessage(message),
        edited_timestamp: new Date().toISOString(),
      });
    },
    remove(id: string): void {
      const message = world.messages.get(id);
      if (message === undefined) throw new Error(`no message ${id}`);
      message.deleted = true;
      const guild = world.channels.get(message.channel_id)?.guild_id;
      gateway.dispatch('MESSAGE_DELETE', {
        id,
        channel_id: message.channel_id,
        ...(guild === null || guild === undefined ? {} : { guild_id: guild }),
      });
    },
    slash(place: string, user: Person, name: string, text?: string): Interaction {
      const options = text === undefined ? [] : [{ type: 3, name: 'text', value: text }];
      return interact(place, user, 2, { id: world.newId(), name, type: 1, options }, null);
    },
    /** Chooses "Ask aside" on a message. */
    askAside(place: string, user: Person, message: Message): Interaction {
      const thread = message.thread === null ? undefined : world.channels.get(message.thread);
      const described = {
        ...describeMessage(message),
        ...(thread === undefined ? {} : { thread: describeChannel(thread) }),
      };
      const resolved = { messages: { [message.id]: described } };
      return interact(
        place,
        user,
        2,
        { id: world.newId(), name: 'Ask aside', type: 3, target_id: message.id, resolved },
        null,
      );
    },
    submit(place: string, user: Person, customId: string, value: string): Interaction {
      const components = [{ type: 1, components: [{ type: 4, custom_id: 'question', value }] }];
      return interact(place, user, 5, { custom_id: customId, components }, null);
    },
    press(message: Message, user: Person, label: string): Interaction {
      const button = buttonsOf(message).find((one) => one.label === label);
      if (button?.custom_id === undefined) throw new Error(`no button "${label}" on: ${message.content}`);
      return interact(
        message.channel_id,
        user,
        3,
        { custom_id: button.custom_id, component_type: 2 },
        message,
      );
    },
    /** A click with a payload of one's own making. */
    forge: (message: Message, user: Person, payload: string): Interaction =>
      interact(message.channel_id, user, 3, { custom_id: payload, component_type: 2 }, message),
    /** What the bot has written, by place, oldest first. */
    posts: (place: string): Message[] =>
      [...world.messages.values()].filter((one) => one.channel_id === place && own(one)),
    ephemeralsOf: (user: Person): Ephemeral[] => world.ephemerals.filter((one) => one.user === user.id),
    /** Every word that one person gets to see: what is said in channels, their own private chats, what is for them. */
    seenBy(user: Person): string {
      const visible = (one: Message): boolean => {
        const place: Channel | undefined = world.channels.get(one.channel_id);
        return place !== undefined && (place.type !== 1 || place.members.includes(user.id));
      };
      const shown = [...world.messages.values()].filter(visible);
      const own = world.ephemerals.filter((one) => one.user === user.id);
      return JSON.stringify([...shown, ...own].map(({ versions, attachments }) => [versions, attachments]));
    },
  };
}

export const buttonsOf = (message: { components: readonly Component[] }): Component[] =>
  message.components.flatMap((row) => row.components ?? []);
