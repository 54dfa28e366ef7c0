/** What one person alone sees: in their modal, through the response URL of their command, or as an ephemeral post. */
import { AppError } from '../../domain/errors.ts';
import type { ConversationRef, EphemeralRef, OutboundMessage, UserId } from '../../domain/message.ts';
import { eitherWay, type Part, toMessages } from './blocks.ts';
import { answerView } from './modal.ts';
import type { Call } from './outbound.ts';
import { threadOf } from './outbound.ts';
import { encodeRoute, isDirect, parseRoute, type ReplyRoute, slackIdOf } from './places.ts';

export type Ephemeral = {
  send(
    to: ConversationRef,
    user: UserId,
    message: OutboundMessage,
    replyToken?: string,
  ): Promise<EphemeralRef>;
  edit(to: ConversationRef, user: UserId, ref: EphemeralRef, message: OutboundMessage): Promise<void>;
};

/** How often a response URL may be used, by Slack's rules; one is left for an error. */
const URL_USES = 4;
const LEFT = 'user_not_in_channel';
/** The person cannot be shown anything here. */
const unreachable = new Set([LEFT, 'channel_not_found', 'not_in_channel', 'is_archived']);

/** Nothing of the conversation is for them any more, wherever it could be shown (A36). */
const stranger = ({ code, message, details, cause }: AppError): AppError =>
  new AppError(code, message, { cause, details: { ...details, stranger: true } });

const PAGE = 999;

export function createEphemeral(deps: {
  call: Call;
  /** Posts to a response URL. @throws AppError `channel.*` */
  respond: (url: string, body: unknown) => Promise<void>;
}): Ephemeral {
  const { call } = deps;

  /** A window stays open, and the address for an answer good, when the person has left the channel meanwhile. */
  async function requireMember(to: ConversationRef, user: UserId): Promise<void> {
    if (isDirect(to.conversation)) return;
    let cursor: string | undefined;
    do {
      const { channels = [], response_metadata: more } = await call('the channels of a person', (client) =>
        client.users.conversations({
          user: slackIdOf(user),
          types: 'public_channel,private_channel,mpim',
          limit: PAGE,
          ...(cursor === undefined ? {} : { cursor }),
        }),
      );
      if (channels.some(({ id }) => id === to.conversation)) return;
      cursor = more?.next_cursor || undefined;
    } while (cursor !== undefined);
    const message = `${user} is no member of ${to.conversation} (${LEFT})`;
    throw stranger(new AppError('channel.rejected', message));
  }

  async function show(
    to: ConversationRef,
    user: UserId,
    message: OutboundMessage,
    route: ReplyRoute | undefined,
  ): Promise<void> {
    if (route?.by === 'view') {
      const view = await answerView(message);
      await call('a modal', (client) => client.views.update({ view_id: route.id, view }));
      return;
    }
    const parts = await toMessages(message);
    if (route?.by === 'url' && parts.length <= URL_USES && (await responded(route.url, parts))) return;
    const place = route?.by === 'top' || route?.by === 'url' ? {} : threadOf(to);
    for (const part of parts) {
      await eitherWay(part, (legal) =>
        call(`a private message in ${to.conversation}`, (client) =>
          client.chat.postEphemeral({ channel: to.conversation, user: slackIdOf(user), ...place, ...legal }),
        ),
      );
    }
  }

  /** False when the URL is no good any more (used up, or older than 30 min) or does not answer. */
  async function responded(url: string, parts: readonly Part[]): Promise<boolean> {
    try {
      for (const part of parts)
        await deps.respond(url, { response_type: 'ephemeral', replace_original: false, ...part });
      return true;
    } catch (error) {
      if (error instanceof AppError) return false;
      throw error;
    }
  }

  return {
    async send(to, user, message, replyToken) {
      const route = parseRoute(replyToken);
      // A conversation of two is private as it is, and an ordinary message there stays and can be edited.
      if (isDirect(to.conversation) && (route === undefined || route.by === 'top'))
        return { delivered: false };
      if (message.kind === 'aside' && route?.by === 'view') await requireMember(to, user);
      const ref = { delivered: true, id: route === undefined ? 'thread' : encodeRoute(route) };
      // An ephemeral post cannot be edited, so an answer is shown once it is whole; a modal says "Thinking" by itself.
      if (message.aside?.done === false) return ref;
      try {
        await show(to, user, message, route);
        return ref;
      } catch (error) {
        if (error instanceof AppError && unreachable.has(String(error.details.slack)))
          return { delivered: false };
        throw error;
      }
    },
    async edit(to, user, ref, message) {
      const route = parseRoute(ref.id);
      if (route?.by !== 'view' && message.aside?.done === false) return;
      try {
        if (message.aside?.done === true && (route?.by === 'view' || route?.by === 'url'))
          await requireMember(to, user);
        await show(to, user, message, route);
      } catch (error) {
        throw error instanceof AppError && error.details.slack === LEFT ? stranger(error) : error;
      }
    },
  };
}
