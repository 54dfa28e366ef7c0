/** Posts to the response URL that came with a command. */
import { AppError, errorMessage } from '../../domain/errors.ts';

/** There is another way when this one does not answer. */
const TIMEOUT_MS = 5_000;

/** @throws AppError `channel.rejected` when the URL is used up or too old, `channel.unavailable` otherwise. */
export async function respondTo(url: string, body: unknown): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new AppError('channel.unavailable', `Slack did not take a private answer: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  if (response.ok) return;
  const code = response.status >= 500 || response.status === 429 ? 'channel.unavailable' : 'channel.rejected';
  throw new AppError(code, `Slack refused a private answer: HTTP ${response.status}.`);
}
