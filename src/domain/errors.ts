/**
 * The one error class and the one table of codes. `user` is what people in chat read (a correlation id is
 * added); `null` means it never reaches chat. `docs/errors.md` is generated from this table.
 */

const table = {
  'config.invalid': {
    user: null,
    retryable: false,
    about: 'The configuration has errors; nothing was started.',
  },
  'cli.usage': { user: null, retryable: false, about: 'A command was given options it does not take.' },
  'store.newer_schema': {
    user: null,
    retryable: false,
    about: 'The database was written by a newer Parley.',
  },
  'store.locked': { user: null, retryable: false, about: 'Another process holds the database.' },
  'store.corrupt': { user: null, retryable: false, about: 'The database file is damaged.' },
  'store.unreachable': { user: null, retryable: true, about: 'The database cannot be opened or reached.' },
  'store.full': {
    user: 'There is no room left to store your message. Please tell an admin.',
    retryable: true,
    about: 'The disk is full.',
  },
  'store.stale_write': {
    user: null,
    retryable: false,
    about: 'A worker wrote with an old fence or sequence; another one has the turn.',
  },
  'server.port_taken': { user: null, retryable: false, about: 'The HTTP port is in use.' },
  'channel.rate_limited': { user: null, retryable: true, about: 'The platform asked to slow down.' },
  'channel.unauthorized': {
    user: null,
    retryable: false,
    about: 'The platform refused the token or the bot was removed.',
  },
  'channel.unavailable': { user: null, retryable: true, about: 'The platform did not answer.' },
  'channel.rejected': { user: null, retryable: false, about: 'The platform refused a message as malformed.' },
  'message.too_large': {
    user: 'That message is too large. Please send less than 256 KB, or attach it as a file.',
    retryable: false,
    about: 'An inbound message was over the size limit.',
  },
  'session.queue_full': {
    user: 'Too many messages are already waiting here. Wait for the answer, or /stop it.',
    retryable: false,
    about: 'The queue of one session is full.',
  },
  'limits.rate': {
    user: 'That is more messages than I may take from you in a minute. Please try again shortly.',
    retryable: false,
    about: 'A person exceeded limits.messages_per_minute.',
  },
  'limits.budget': {
    user: "Today's budget for the model is used up. An admin can raise it; it resets at midnight UTC.",
    retryable: false,
    about: 'limits.tokens_per_day or limits.cost_per_day was reached.',
  },
  'model.unauthorized': {
    user: 'The model refused our key. Please tell an admin.',
    retryable: false,
    about: 'The model endpoint answered 401 or 403.',
  },
  'model.rate_limited': {
    user: 'The model is overloaded right now. Your message is kept; please try again in a moment.',
    retryable: true,
    about: 'The model endpoint answered 429 after all retries.',
  },
  'model.unavailable': {
    user: 'The model did not answer. Your message is kept; please try again in a moment.',
    retryable: true,
    about: 'The model endpoint failed or was unreachable after all retries.',
  },
  'model.timeout': {
    user: 'The model took too long to answer. Your message is kept; please try again.',
    retryable: true,
    about: 'A model call ran over its timeout.',
  },
  'model.invalid_response': {
    user: 'The model gave an answer I could not use. Please try again.',
    retryable: true,
    about: 'The model endpoint answered something that is not a completion (HTML, empty, cut off).',
  },
  'model.rejected': {
    user: 'The model refused the request. Please tell an admin.',
    retryable: false,
    about: 'The model endpoint answered 400 or another permanent error.',
  },
  'model.context_overflow': {
    user: 'This conversation is too long for the model. /new starts a fresh one.',
    retryable: false,
    about: 'The request did not fit the model context, also after shortening.',
  },
  'turn.internal': {
    user: 'Something went wrong on my side. Your message is kept.',
    retryable: false,
    about: 'An unexpected failure inside a turn.',
  },
  'btw.no_context': {
    user: 'There is nothing to ask about yet: this conversation has no messages.',
    retryable: false,
    about: '/btw in an empty session.',
  },
  'btw.busy': {
    user: 'Too many side questions at once here. Please try again in a moment.',
    retryable: true,
    about: 'The bound on concurrent side questions was reached.',
  },
} as const;

export type ErrorCode = keyof typeof table;

export const errorCodes: Readonly<
  Record<ErrorCode, { user: string | null; retryable: boolean; about: string }>
> = table;

export type ErrorOptions = {
  cause?: unknown;
  /** Overrides the table, when the case at hand is known to be (or not to be) worth another try. */
  retryable?: boolean;
  /** Facts for the log and the event; never shown in chat. */
  details?: Readonly<Record<string, unknown>>;
};

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  /** @param message for operators: what happened, with the remedy when there is one. */
  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.retryable = options.retryable ?? table[code].retryable;
    this.details = options.details ?? {};
  }
}

/** The text a person reads for a code, with an 8-character reference to find it in the log. */
export function userText(code: ErrorCode, reference: string): string {
  const text = table[code].user ?? table['turn.internal'].user;
  return `${text} (ref ${reference.slice(-8)})`;
}

export const errorMessage = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
