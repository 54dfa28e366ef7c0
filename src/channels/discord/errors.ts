/**
 * What the REST client throws, as AppErrors. Addresses of interactions hold tokens, so no URL of the SDK gets into a
 * message.
 */
import { DiscordAPIError, HTTPError, RateLimitError } from '@discordjs/rest';
import { AppError, errorMessage } from '../../domain/errors.ts';

export const TOKEN_REMEDY =
  'Copy the token again (Developer Portal, your application, Bot, Reset Token) into channels.discord.token and start Parley again.';

/** Discord's own codes that something here depends on. */
export const codes = {
  unknownChannel: 10_003,
  unknownMessage: 10_008,
  closedToBots: 50_007,
  alreadyAcknowledged: 40_060,
  threadExists: 160_004,
} as const;

export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof RateLimitError) {
    return new AppError('channel.rate_limited', `Discord asked to wait ${Math.ceil(error.retryAfter)} ms`, {
      details: { retryAfterMs: Math.max(1, Math.ceil(error.retryAfter)), global: error.global },
    });
  }
  if (error instanceof DiscordAPIError) return refusal(error);
  if (error instanceof HTTPError)
    return new AppError('channel.unavailable', `Discord answered ${error.status}`, {
      details: { status: error.status },
    });
  // After a 401 the client has no token any more.
  if (error instanceof Error && error.message.startsWith('Expected token'))
    return unauthorized('Discord refused the bot token. ', {});
  return new AppError('channel.unavailable', `Discord did not answer: ${nameOf(error)}`);
}

const unauthorized = (said: string, details: Record<string, unknown>): AppError =>
  new AppError('channel.unauthorized', `${said}${TOKEN_REMEDY}`, { details: { ...details, token: true } });

function refusal(error: DiscordAPIError): AppError {
  const { status, code, method } = error;
  const said = `Discord refused a ${method}: ${status} ${'message' in error.rawError ? error.rawError.message : ''} (code ${code})`;
  const details = { status, code };
  if (status === 401) return unauthorized('Discord refused the bot token (401). ', details);
  if (status === 403 && code === codes.closedToBots)
    return new AppError('channel.rejected', 'This person takes no private messages from the bot.', {
      details,
    });
  if (status === 403) {
    // Codes below 10,000 are about the bot as a whole; the others about one place or person.
    if (typeof code !== 'number' || code < 10_000) return unauthorized(`${said}. `, details);
    return new AppError(
      'channel.unauthorized',
      `${said}. Give the bot View Channel, Send Messages, Send Messages in Threads and Read Message History there; "parley invite discord" prints a link that does.`,
      { details },
    );
  }
  return new AppError('channel.rejected', said, { details });
}

/** An undici or abort error names no address in its code, but may in its message. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return errorMessage(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

export const codeOf = (error: unknown): unknown =>
  error instanceof AppError ? error.details.code : undefined;

/** The token itself is not (or no longer) good: nothing will work until somebody changes it. */
export const isTokenRefused = (error: unknown): boolean =>
  error instanceof AppError && error.details.token === true;
