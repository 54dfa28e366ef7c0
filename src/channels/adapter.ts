/** The contract between the gateway and a chat platform. A fifth channel implements this and nothing else. */
import type { z } from 'zod';
import type { Feed, KeyValue } from '../domain/feed.ts';
import type {
  ButtonClick,
  ConversationRef,
  DeliveryKey,
  EphemeralRef,
  InboundMessage,
  MessageDeletion,
  MessageEdit,
  MessageRef,
  OutboundMessage,
  StepLine,
  UserId,
} from '../domain/message.ts';
import type { Clock, Logger, Metrics } from '../domain/runtime.ts';
import type { TurnId } from '../domain/turn.ts';

export type ChannelState = 'starting' | 'up' | 'degraded' | 'down' | 'stopped';

/**
 * The only way in. Each promise resolves once the event is durable (or has been refused for good):
 * acknowledge to the platform only then. It rejects when nothing could be stored; then do not acknowledge.
 */
export type ChannelSink = {
  message(message: InboundMessage): Promise<void>;
  edit(edit: MessageEdit): Promise<void>;
  deletion(deletion: MessageDeletion): Promise<void>;
  click(click: ButtonClick): Promise<void>;
  /** The platform's own Stop control was used in a place. */
  stop(where: ConversationRef, by: InboundMessage['author']): Promise<void>;
};

/** A live reply: shown while it is written, replaced by the authoritative message at the end. */
export type ReplyStream = {
  /** Adds answer text. Never throws and never waits: a stream that cannot keep up skips to the newest text. */
  append(delta: string): void;
  /** Says what is happening now ("Running `npm test`"), or null when that is over. */
  status(text: string | null): void;
  /** A step of work that ended. */
  step(step: StepLine): void;
  /** Drops what was shown of the current answer (the model call is tried again). */
  reset(): void;
  /**
   * Shows nothing more until more comes: the answer may be delivered by another process, and must not be written over.
   * Resolves when the call that is under way is over; undefined when there is none. Never rejects.
   */
  hold(): Promise<void> | undefined;
  /**
   * Replaces the draft by the final message. The refs are those of the delivered parts.
   * @throws AppError `channel.*` when it could not be delivered; the caller sends it anew then.
   */
  finish(message: OutboundMessage, key: DeliveryKey): Promise<MessageRef[]>;
  /** Removes the draft; nothing was said. Never throws. */
  discard(): Promise<void>;
};

export type ChannelLimits = {
  /** Characters in one message, as the platform counts them. */
  readonly maxLength: number;
  /** Least milliseconds between two edits of one message. */
  readonly editEveryMs: number;
  readonly ephemeral: 'native' | 'interaction-only' | 'none';
};

/** For a message that takes several parts: a try that broke off half way goes on where it stopped. */
export type SendProgress = {
  /** Parts that an earlier try has sent, in order. */
  readonly done: readonly MessageRef[];
  /** An earlier try may have sent more than `done` says: whoever can look should. */
  readonly again?: boolean;
  /** When it was to be sent for the first time: nothing of it is older. */
  readonly since?: number;
  /** To be awaited after each part, before the next one. */
  onPart(ref: MessageRef): Promise<void>;
};

export interface ChannelAdapter {
  readonly name: string;
  readonly limits: ChannelLimits;
  /** Connects; resolves when events flow. @throws AppError `channel.*` with the remedy in its message. */
  start(sink: ChannelSink): Promise<void>;
  /** Stops taking events, lets what is in hand finish. Idempotent. */
  stop(): Promise<void>;
  state(): { readonly state: ChannelState; readonly detail?: string };
  /**
   * Sends, split into legal parts; resolves to the refs of all. Idempotent by `key` as far as the platform allows.
   * @throws AppError `channel.*`
   */
  send(
    to: ConversationRef,
    message: OutboundMessage,
    key: DeliveryKey,
    progress?: SendProgress,
  ): Promise<MessageRef[]>;
  /**
   * Replaces a message. Editing to the same content is no error.
   * @throws AppError `channel.*`; `channel.rejected` also for a renewed card of which an edit cannot show all
   */
  edit(ref: MessageRef, message: OutboundMessage): Promise<void>;
  /**
   * @param turnId for a Stop control, and to find the draft that a killed process left, which is then taken over.
   * @param isFirst no process had the turn in hand before, so there is no such draft.
   */
  openReply(to: ConversationRef, replyTo?: InboundMessage, turnId?: TurnId, isFirst?: boolean): ReplyStream;
  /** Shows a message to one person only. `delivered: false` when the platform cannot here; never falls back by itself. */
  sendEphemeral(
    to: ConversationRef,
    user: UserId,
    message: OutboundMessage,
    replyToken?: string,
  ): Promise<EphemeralRef>;
  /** Replaces what `sendEphemeral` showed, where that is possible. */
  editEphemeral(
    to: ConversationRef,
    user: UserId,
    ref: EphemeralRef,
    message: OutboundMessage,
  ): Promise<void>;
  /**
   * The private conversation with a person.
   * @throws AppError `channel.rejected` when they cannot be reached; `details.invitation`, where there is a way, is
   * what they are to be told.
   */
  directRef(user: UserId): Promise<ConversationRef>;
  /** A sign of life; best effort, never throws. */
  typing(to: ConversationRef): Promise<void>;
}

/**
 * What the HTTP server offers a channel: raw routes under the one server. Bodies arrive unparsed, capped.
 * Return values are sent as they are; see `http/server.ts`.
 */
export type HttpRequest = {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** Aborts when the client went away or the server closes; a streamed body ends then. */
  readonly signal: AbortSignal;
};

export type HttpResponse = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** A stream stays open until it ends or the client leaves (server-sent events). */
  readonly body?: string | Buffer | AsyncIterable<string>;
};

export type HttpHost = {
  /** Registers before the server listens. `path` may hold `:params`. */
  route(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    handler: (request: HttpRequest) => Promise<HttpResponse>,
    options?: { readonly maxBodyBytes?: number },
  ): void;
};

export type ChannelDeps<Config> = {
  readonly config: Config;
  readonly server: {
    /** `server.token`; null when none is set. */
    readonly token: string | null;
    /** How people and platforms reach the HTTP server from outside; null behind nothing. */
    readonly publicUrl: string | null;
  };
  /** Tells the operator, once the server listens, of an address below it that is to be opened. */
  readonly announce: (path: string) => void;
  readonly state: KeyValue;
  readonly feed: Feed;
  readonly http: HttpHost;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Commands people may type, for native registration and completion. */
  readonly commands: readonly { readonly name: string; readonly argument: string; readonly about: string }[];
};

export type ChannelDefinition<Schema extends z.ZodType = z.ZodType> = {
  readonly name: string;
  readonly configSchema: Schema;
  /** Imported only when the channel is on. */
  load(): Promise<ChannelModule<z.output<Schema>>>;
};

export type ChannelModule<Config> = { create(deps: ChannelDeps<Config>): ChannelAdapter };
