/** The routes of the fake Discord that a bot like ours uses. Each answers as the API does, or refuses as it does. */
import {
  checkCommands,
  checkMessage,
  checkThreadName,
  EPHEMERAL,
  type MessageInput,
  Refusal,
} from './rules.ts';
import {
  type Channel,
  describeChannel,
  describeMessage,
  type Ephemeral,
  type Interaction,
  type Message,
  type World,
} from './world.ts';

export type Upload = { filename: string; text: string };
export type Request = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly files: Upload[];
};

export type RestDeps = {
  readonly world: World;
  readonly gatewayUrl: () => string;
  readonly dispatch: (type: string, data: unknown) => void;
};

type Handler = (request: Request, parts: readonly string[]) => unknown;

/** Interactions have to be answered within 3 s, and their tokens die after 15 minutes. */
const RESPOND_MS = 3_000;
const TOKEN_MS = 15 * 60_000;

const DEFERRED_MESSAGE = 5;
const DEFERRED_UPDATE = 6;
const MODAL = 9;

export function createRest({ world, gatewayUrl, dispatch }: RestDeps): (request: Request) => unknown {
  function channelOf(id: string | undefined): Channel {
    const channel = world.channels.get(id ?? '');
    if (channel === undefined) throw new Refusal(404, 10_003, 'Unknown Channel');
    if (world.forbidden.has(channel.id)) throw new Refusal(403, 50_001, 'Missing Access');
    return channel;
  }

  function messageOf(channel: Channel, id: string | undefined): Message {
    const message = world.messages.get(id ?? '');
    if (message === undefined || message.deleted || message.channel_id !== channel.id)
      throw new Refusal(404, 10_008, 'Unknown Message');
    return message;
  }

  function createMessage(request: Request, [id]: readonly string[]): unknown {
    const channel = channelOf(id);
    if (channel.type === 15) throw new Refusal(400, 50_008, 'Cannot send messages in a forum');
    const input = request.body as MessageInput;
    checkMessage(input, request.files.length, false);
    if (((input.flags ?? 0) & EPHEMERAL) !== 0)
      throw new Refusal(400, 50_035, 'Invalid Form Body: only interactions have ephemeral messages');
    const earlier =
      input.enforce_nonce === true
        ? [...world.messages.values()].find(
            (one) => one.channel_id === channel.id && one.nonce === input.nonce && !one.deleted,
          )
        : undefined;
    if (earlier !== undefined) return describeMessage(earlier);
    const message: Message = {
      id: world.newId(),
      channel_id: channel.id,
      author: world.bot,
      content: input.content ?? '',
      components: input.components ?? [],
      flags: input.flags ?? 0,
      attachments: request.files,
      reference: input.message_reference?.message_id ?? null,
      nonce: input.nonce ?? null,
      versions: [input.content ?? ''],
      deleted: false,
      thread: null,
      raw: channel.guild_id === null ? {} : { guild_id: channel.guild_id },
    };
    world.messages.set(message.id, message);
    channel.last_message_id = message.id;
    dispatch('MESSAGE_CREATE', describeMessage(message));
    return describeMessage(message);
  }

  function change(target: Message | Ephemeral, request: Request): void {
    const input = request.body as MessageInput;
    checkMessage(input, request.files.length, true);
    if (input.content !== undefined) {
      target.content = input.content;
      target.versions.push(input.content);
    }
    if (input.components !== undefined) target.components = input.components;
    target.attachments.push(...request.files);
  }

  function editMessage(request: Request, [channel, id]: readonly string[]): unknown {
    const message = messageOf(channelOf(channel), id);
    if (message.author.id !== world.bot.id)
      throw new Refusal(403, 50_005, 'Cannot edit a message authored by another user');
    change(message, request);
    return describeMessage(message);
  }

  function startThread(request: Request, [id, messageId]: readonly string[]): unknown {
    const channel = channelOf(id);
    if (channel.type !== 0 && channel.type !== 5)
      throw new Refusal(400, 50_024, 'Cannot execute action on this channel type');
    const message = messageOf(channel, messageId);
    const { name } = request.body as { name?: unknown };
    checkThreadName(name);
    if (message.thread !== null)
      throw new Refusal(400, 160_004, 'A thread has already been created for this message');
    message.thread = message.id;
    const thread = world.addChannel(11, name, channel.id, message.id);
    dispatch('THREAD_CREATE', describeChannel(thread));
    return describeChannel(thread);
  }

  function history({ query }: Request, [id]: readonly string[]): unknown {
    const channel = channelOf(id);
    const after = BigInt(query.get('after') ?? '0');
    const limit = Number(query.get('limit') ?? '50');
    if (limit < 1 || limit > 100) throw new Refusal(400, 50_035, 'limit: 1 to 100');
    return [...world.messages.values()]
      .filter((one) => one.channel_id === channel.id && !one.deleted && BigInt(one.id) > after)
      .sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1))
      .slice(0, limit)
      .toReversed()
      .map((one) => {
        const {
          guild_id: _guild,
          member: _member,
          ...rest
        } = describeMessage(one) as Record<string, unknown>;
        return rest;
      });
  }

  function respond({ body }: Request, [id, token]: readonly string[]): unknown {
    const interaction = world.interactions.get(token ?? '');
    if (interaction === undefined || interaction.id !== id || interaction.expired)
      throw new Refusal(404, 10_062, 'Unknown interaction');
    if (interaction.response !== null)
      throw new Refusal(400, 40_060, 'Interaction has already been acknowledged.');
    if (Date.now() - interaction.at > RESPOND_MS) throw new Refusal(404, 10_062, 'Unknown interaction');
    const response = body as { type: number; data?: Record<string, unknown> };
    const isLegal =
      response.type === DEFERRED_MESSAGE
        ? Object.keys(response.data ?? {}).every((key) => key === 'flags')
        : response.type === DEFERRED_UPDATE
          ? interaction.message !== null
          : response.type === MODAL;
    if (!isLegal) throw new Refusal(400, 50_035, `Invalid Form Body: response ${response.type}`);
    interaction.response = response;
    return undefined;
  }

  function rightOf([application, token]: readonly string[]): Interaction {
    const interaction = world.interactions.get(token ?? '');
    const isDead = interaction === undefined || interaction.expired || Date.now() - interaction.at > TOKEN_MS;
    if (isDead || application !== world.application) throw new Refusal(401, 50_027, 'Invalid Webhook Token');
    if (interaction.response === null) throw new Refusal(404, 10_015, 'Unknown Webhook');
    return interaction;
  }

  function show(interaction: Interaction, request: Request, original: boolean): Ephemeral {
    const input = request.body as MessageInput;
    const shown: Ephemeral = {
      id: original ? '@original' : world.newId(),
      channel_id: interaction.channel,
      author: world.bot,
      user: interaction.user,
      interaction: interaction.id,
      content: input.content ?? '',
      components: input.components ?? [],
      flags: input.flags ?? 0,
      attachments: request.files,
      reference: null,
      nonce: null,
      versions: [input.content ?? ''],
      deleted: false,
      thread: null,
    };
    world.ephemerals.push(shown);
    return shown;
  }

  function followUp(request: Request, parts: readonly string[]): unknown {
    const interaction = rightOf(parts);
    const input = request.body as MessageInput;
    checkMessage(input, request.files.length, false);
    if (((input.flags ?? 0) & EPHEMERAL) === 0)
      throw new Refusal(400, 50_035, 'this bot follows up in private only');
    return { id: show(interaction, request, false).id };
  }

  function editReply(request: Request, [application = '', token = '', id]: readonly string[]): unknown {
    const interaction = rightOf([application, token]);
    const shown = world.ephemerals.find((one) => one.interaction === interaction.id && one.id === id);
    if (shown !== undefined) {
      change(shown, request);
      return { id: shown.id };
    }
    const { response } = interaction;
    if (id !== '@original' || response?.type !== DEFERRED_MESSAGE)
      throw new Refusal(404, 10_008, 'Unknown Message');
    if (response.data?.flags !== EPHEMERAL) throw new Refusal(400, 50_035, 'this bot defers in private only');
    checkMessage(request.body as MessageInput, request.files.length, true);
    return { id: show(interaction, request, true).id };
  }

  const routes: readonly (readonly [string, RegExp, Handler])[] = [
    [
      'GET',
      /^\/gateway\/bot$/,
      () => ({
        url: gatewayUrl(),
        shards: 1,
        session_start_limit: { total: 1000, remaining: 999, reset_after: 86_400_000, max_concurrency: 1 },
      }),
    ],
    [
      'PUT',
      /^\/applications\/(\d{17,19})\/commands$/,
      ({ body }) => {
        checkCommands(body);
        world.commands.splice(0, world.commands.length, ...body);
        return body;
      },
    ],
    ['GET', /^\/channels\/(\d{17,19})$/, (_request, [id]) => describeChannel(channelOf(id))],
    ['POST', /^\/channels\/(\d{17,19})\/messages$/, createMessage],
    ['GET', /^\/channels\/(\d{17,19})\/messages$/, history],
    ['PATCH', /^\/channels\/(\d{17,19})\/messages\/(\d{17,19})$/, editMessage],
    [
      'DELETE',
      /^\/channels\/(\d{17,19})\/messages\/(\d{17,19})$/,
      (_request, [channel, id]) => {
        messageOf(channelOf(channel), id).deleted = true;
        return undefined;
      },
    ],
    ['POST', /^\/channels\/(\d{17,19})\/messages\/(\d{17,19})\/threads$/, startThread],
    [
      'POST',
      /^\/channels\/(\d{17,19})\/typing$/,
      (_request, [id]) => {
        world.typing.push(channelOf(id).id);
        return undefined;
      },
    ],
    [
      'POST',
      /^\/users\/@me\/channels$/,
      ({ body }) => {
        const { recipient_id: user } = body as { recipient_id: string };
        if (!world.people.has(user)) throw new Refusal(400, 50_033, 'Invalid Recipient(s)');
        const known = [...world.channels.values()].find(
          (one) => one.type === 1 && one.members.includes(user),
        );
        return describeChannel(known ?? world.addChannel(1, 'direct', null, world.newId(), [user]));
      },
    ],
    ['POST', /^\/interactions\/(\d{17,19})\/([\w.:-]+)\/callback$/, respond],
    ['POST', /^\/webhooks\/(\d{17,19})\/([\w.:-]+)$/, followUp],
    ['PATCH', /^\/webhooks\/(\d{17,19})\/([\w.:-]+)\/messages\/([\w@]+)$/, editReply],
  ];

  return (request) => {
    for (const [method, pattern, handler] of routes) {
      const match = method === request.method ? pattern.exec(request.path) : null;
      if (match !== null) return handler(request, match.slice(1));
    }
    throw new Refusal(404, 0, '404: Not Found');
  };
}

/** Routes that a token in the address opens; all others want the bot's. */
export const isAnonymous = (path: string): boolean => /^\/(interactions|webhooks)\//.test(path);
