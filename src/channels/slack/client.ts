/** How the SDK's clients are set up: one owner of retries (the outbox), bounded waits, and its log in ours. */
import { stringify } from 'node:querystring';
import { LogLevel, type Logger as SlackLogger, webApi } from '@slack/bolt';
import type { Logger } from '../../domain/runtime.ts';
import { createPlainFetch } from '../plain-fetch.ts';

export type ClientOptions = webApi.WebClientOptions & {
  readonly fetch: NonNullable<webApi.WebClientOptions['fetch']>;
  readonly logger: SlackLogger;
};

/**
 * The SDK's methods and errors, and each call as the SDK makes it. Its own way there goes through a queue, a second
 * one for retries, and copies of what is said for a log at a level we have switched off.
 */
export class SlackClient extends webApi.WebClient {
  readonly #options: ClientOptions;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(token: string, options: ClientOptions) {
    super(token, options);
    this.#options = options;
    this.#headers = {
      Authorization: `Bearer ${token}`,
      Accept: 'application/json',
      'User-Agent': 'Parley',
      'Content-Type': 'application/x-www-form-urlencoded',
    };
  }

  /** @throws the SDK's errors */
  override async apiCall(
    method: string,
    args: Record<string, unknown> = {},
  ): Promise<webApi.WebAPICallResult> {
    const response = await this.#post(this.slackApiUrl + method, toForm(args));
    const result = toResult(await response.text());
    const { warnings = [], messages = [] } = result.response_metadata ?? {};
    for (const one of [...warnings, ...messages]) this.#options.logger.warn(one);
    if (isRefusal(result)) throw new webApi.WebAPIPlatformError(result);
    return result;
  }

  async #post(url: string, body: string): Promise<{ text(): Promise<string> }> {
    try {
      const response = await this.#options.fetch(url, { method: 'POST', headers: this.#headers, body });
      const { status, statusText, headers } = response;
      if (status === 200) return response;
      if (status === 429) {
        const retryAfter = Number.parseInt(headers.get('retry-after') ?? '', 10);
        if (Number.isNaN(retryAfter)) throw new Error('Slack does not say for how long to wait');
        throw new webApi.WebAPIRateLimitedError(retryAfter);
      }
      const text = await response.text();
      throw new webApi.WebAPIHTTPError(status, statusText, Object.fromEntries(headers.entries()), text);
    } catch (error) {
      if (error instanceof webApi.SlackError) throw error;
      throw new webApi.WebAPIRequestError(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

function toForm(args: Record<string, unknown>): string {
  const fields: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(args)) {
    if (value === undefined || value === null) continue;
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    fields[name] = isPlain ? value : JSON.stringify(value);
  }
  return stringify(fields);
}

type Result = webApi.WebAPICallResult & { readonly error?: string };

/** What is no JSON is a refusal in words. */
function toResult(text: string): Result {
  try {
    return JSON.parse(text);
  } catch {
    return { ok: false, error: text };
  }
}

const isRefusal = (result: Result): result is Result & { error: string } => !result.ok;

/** Longer than Slack takes even on a bad day. */
const TIMEOUT_MS = 15_000;

export function clientOptions(apiUrl: string, log: Logger): ClientOptions {
  return {
    slackApiUrl: apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    fetch: createPlainFetch(TIMEOUT_MS),
    logger: sdkLogger(log),
  };
}

/** What the SDK calls errors are single failed tries, which we report ourselves with what comes of them. */
export function sdkLogger(log: Logger): SlackLogger {
  const say = (...parts: unknown[]): void =>
    log.debug({ sdk: parts.map(String).join(' ').slice(0, 500) }, 'slack sdk');
  return {
    debug: () => {},
    info: say,
    warn: say,
    error: say,
    setLevel: () => {},
    getLevel: () => LogLevel.INFO,
    setName: () => {},
  };
}
