/** What a message is: to be ignored, a command, or work for a session. Pure. */
import type { Command, ConversationRef, InboundMessage } from '../domain/message.ts';
import { type SessionKey, sessionKey } from '../domain/session.ts';

export type ChannelRules = {
  /** In groups, only messages that mention the bot are for it. */
  readonly mentionOnly: boolean;
  /** Conversation ids that may be used; null: all. */
  readonly conversations: readonly string[] | null;
};

export type ProfileRoute = {
  readonly channel?: string | undefined;
  readonly conversation?: string | undefined;
  readonly profile: string;
};

export type Route =
  | { readonly kind: 'ignore'; readonly reason: 'not-addressed' | 'conversation-not-allowed' | 'empty' }
  | { readonly kind: 'command'; readonly command: Command; readonly session: SessionKey }
  | { readonly kind: 'turn'; readonly session: SessionKey; readonly profile: string };

export type RouteInput = {
  readonly message: InboundMessage;
  readonly rules: ChannelRules;
  readonly routes: readonly ProfileRoute[];
  readonly commandNames: ReadonlySet<string>;
  /** The bot has been part of this thread before, so that it follows it without being mentioned again. */
  readonly knownThread: boolean;
};

export function route(input: RouteInput): Route {
  const { message, rules } = input;
  if (
    rules.conversations !== null &&
    !message.direct &&
    !rules.conversations.includes(message.where.conversation)
  ) {
    return { kind: 'ignore', reason: 'conversation-not-allowed' };
  }
  const session = sessionKey(message.where);
  const command = message.command ?? parseCommand(message.text, input.commandNames);
  const addressed = message.direct || message.mentionsBot || !rules.mentionOnly || input.knownThread;
  // `!name` is unmistakable; a word after a mention needs the mention.
  if (
    command !== undefined &&
    (addressed || message.command !== undefined || /^[!/]/.test(message.text.trim()))
  ) {
    return { kind: 'command', command, session };
  }
  if (!addressed) return { kind: 'ignore', reason: 'not-addressed' };
  if (message.text.trim() === '' && message.attachments.length === 0)
    return { kind: 'ignore', reason: 'empty' };
  return { kind: 'turn', session, profile: profileFor(message.where, input.routes) };
}

/** First match wins. */
export function profileFor(where: ConversationRef, routes: readonly ProfileRoute[]): string {
  const found = routes.find(
    (candidate) =>
      (candidate.channel === undefined || candidate.channel === where.channel) &&
      (candidate.conversation === undefined || candidate.conversation === where.conversation),
  );
  return found?.profile ?? 'default';
}

/**
 * `/name …` and `!name …` for known names. The argument is everything after the name, line breaks included.
 * An unknown name is no command: people write paths and shell history into chats.
 */
export function parseCommand(text: string, names: ReadonlySet<string>): Command | undefined {
  const match = /^\s*[/!]([a-z]+)(?=\s|$)([\s\S]*)$/i.exec(text);
  const name = match?.[1]?.toLowerCase();
  if (name === undefined || !names.has(name)) return undefined;
  return { name, argument: (match?.[2] ?? '').trim() };
}
