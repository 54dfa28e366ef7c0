/** What the fake Discord knows: people, channels, messages, interactions, and everything that was shown to whom. */

export type Person = {
  readonly id: string;
  readonly username: string;
  readonly global_name: string;
  readonly bot: boolean;
};

export type ChannelType = 0 | 1 | 2 | 5 | 11 | 12 | 15;
/** Public or private. */
export const isThread = (type: ChannelType): boolean => type === 11 || type === 12;
export type Channel = {
  readonly id: string;
  readonly type: ChannelType;
  readonly name: string;
  readonly parent_id: string | null;
  readonly guild_id: string | null;
  readonly members: readonly string[];
  last_message_id: string | null;
};

export type Component = {
  type: number;
  style?: number;
  label?: string;
  custom_id?: string;
  components?: Component[];
};

export type Message = {
  readonly id: string;
  readonly channel_id: string;
  readonly author: Person;
  content: string;
  components: Component[];
  flags: number;
  readonly attachments: { filename: string; text: string }[];
  readonly reference: string | null;
  readonly nonce: string | null;
  /** Every content it had, the present one last. */
  readonly versions: string[];
  deleted: boolean;
  thread: string | null;
  readonly raw: Record<string, unknown>;
};

/** Shown to one person only. */
export type Ephemeral = Omit<Message, 'raw'> & { readonly user: string; readonly interaction: string };

export type Interaction = {
  readonly id: string;
  readonly token: string;
  readonly user: string;
  readonly channel: string;
  readonly at: number;
  /** Of a button: the message it is on. */
  readonly message: string | null;
  response: { type: number; data?: Record<string, unknown> } | null;
  /** Its token has died. */
  expired: boolean;
};

export type Call = {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly at: number;
};

export type Fault = {
  readonly method: string;
  readonly path: RegExp;
  readonly status?: number;
  readonly body?: unknown;
  readonly retryAfter?: number;
  /** The connection ends without an answer, before or after the work is done. */
  readonly drop?: 'before' | 'after';
  times?: number;
};

export type World = ReturnType<typeof createWorld>;

const EPOCH_MS = 1_420_070_400_000n;
export const GUILD = '400000000000000001';

export function createWorld() {
  let counter = 0n;
  /** Grows with time, as Discord's do; 18 or 19 digits. */
  const newId = (): string => {
    counter += 1n;
    return String(((BigInt(Date.now()) - EPOCH_MS) << 22n) | (counter & 0x3fffffn));
  };
  const bot: Person = { id: '500000000000000001', username: 'parley', global_name: 'Parley', bot: true };
  const people = new Map<string, Person>([[bot.id, bot]]);
  const channels = new Map<string, Channel>();
  const messages = new Map<string, Message>();

  function addPerson(name: string, isBot = false): Person {
    const person = { id: newId(), username: name.toLowerCase(), global_name: name, bot: isBot };
    people.set(person.id, person);
    return person;
  }

  function addChannel(
    type: ChannelType,
    name: string,
    parent: string | null = null,
    id = newId(),
    members: readonly string[] = [],
  ): Channel {
    const guild = type === 1 ? null : GUILD;
    const channel: Channel = {
      id,
      type,
      name,
      parent_id: parent,
      guild_id: guild,
      members,
      last_message_id: null,
    };
    channels.set(id, channel);
    return channel;
  }

  return {
    token: 'NTAwMDAwMDAwMDAwMDAwMDAx.Gfake1.discord-token-for-tests-only',
    application: '500000000000000001',
    bot,
    people,
    channels,
    messages,
    ephemerals: [] as Ephemeral[],
    interactions: new Map<string, Interaction>(),
    commands: [] as Record<string, unknown>[],
    calls: [] as Call[],
    faults: [] as Fault[],
    files: new Map<string, Buffer>(),
    /** Channels in which the bot may do nothing. */
    forbidden: new Set<string>(),
    typing: [] as string[],
    /** The intents that are switched on in the portal. */
    messageContentAllowed: true,
    newId,
    addPerson,
    addChannel,
  };
}

/** As the API and the gateway describe a channel. */
export const describeChannel = (channel: Channel) => ({
  id: channel.id,
  type: channel.type,
  name: channel.name,
  ...(channel.parent_id === null ? {} : { parent_id: channel.parent_id }),
  ...(channel.guild_id === null ? {} : { guild_id: channel.guild_id }),
  ...(channel.last_message_id === null ? {} : { last_message_id: channel.last_message_id }),
});

/** As the API describes a message; events add the server and the member. */
export function describeMessage(message: Message) {
  const { id, channel_id, author, content, components, flags, raw } = message;
  return {
    type: 0,
    mentions: [],
    attachments: [],
    edited_timestamp: null,
    timestamp: new Date(Number((BigInt(id) >> 22n) + EPOCH_MS)).toISOString(),
    ...raw,
    id,
    channel_id,
    author,
    content,
    components,
    flags,
  };
}
