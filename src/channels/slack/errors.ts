/** What Slack's refusals mean to us: wait, give up, or tell the operator. */
import { webApi } from '@slack/bolt';
import { AppError, errorMessage } from '../../domain/errors.ts';

const { WebAPIHTTPError, WebAPIPlatformError, WebAPIRateLimitedError } = webApi;

/** The token as a whole is refused; nothing will work until an operator acts. */
const unauthorized = new Set([
  'not_authed',
  'invalid_auth',
  'account_inactive',
  'token_revoked',
  'token_expired',
  'user_removed_from_team',
  'team_disabled',
  'app_uninstalled',
  'org_login_required',
]);
/** Slack's own trouble. The call may have had its effect all the same. */
const trouble = new Set(['internal_error', 'fatal_error', 'service_unavailable', 'request_timeout']);

const REMEDY =
  'Check channels.slack tokens: reinstall the app under "Install App" and copy the new bot token (xoxb-…).';

/** Slack's word for what went wrong ("channel_not_found"), if it gave one. */
export const slackCode = (error: unknown): string | undefined =>
  error instanceof WebAPIPlatformError ? error.data.error : undefined;

/** @param what was tried, for the operator: "chat.postMessage in C012". */
export function toAppError(error: unknown, what: string): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof WebAPIRateLimitedError) return rateLimited(what, error.retryAfter * 1000, error);
  const code = slackCode(error);
  if (code === 'ratelimited' || code === 'rate_limited') return rateLimited(what, 1000, error);
  const status = error instanceof WebAPIHTTPError ? error.statusCode : undefined;
  if ((code !== undefined && unauthorized.has(code)) || status === 401 || status === 403) {
    return new AppError('channel.unauthorized', `Slack refused ${what}: ${code ?? status}. ${REMEDY}`, {
      cause: error,
    });
  }
  if (code !== undefined && !trouble.has(code)) {
    return new AppError('channel.rejected', `Slack refused ${what}: ${code}.${hint(code, error)}`, {
      cause: error,
      details: { slack: code },
    });
  }
  if (status !== undefined && status < 500 && status !== 408) {
    return new AppError('channel.rejected', `Slack refused ${what}: HTTP ${status}.`, { cause: error });
  }
  return new AppError('channel.unavailable', `Slack did not answer ${what}: ${errorMessage(error)}`, {
    cause: error,
  });
}

function rateLimited(what: string, retryAfterMs: number, cause: unknown): AppError {
  return new AppError('channel.rate_limited', `Slack asked to wait ${retryAfterMs} ms before ${what}.`, {
    cause,
    details: { retryAfterMs },
  });
}

function hint(code: string, error: unknown): string {
  if (code === 'not_in_channel' || code === 'channel_not_found')
    return ' Invite the bot to the channel: /invite @Parley.';
  if (code !== 'missing_scope') return '';
  const needed = error instanceof WebAPIPlatformError ? Reflect.get(error.data, 'needed') : undefined;
  return ` The app lacks the scope ${String(needed ?? 'for this')}; "parley manifest slack" lists them all.`;
}
