/** How the SDK's clients are set up: one owner of retries (the outbox), bounded waits, and its log in ours. */
import { LogLevel, type Logger as SlackLogger, type webApi } from '@slack/bolt';
import type { Logger } from '../../domain/runtime.ts';
import { createPlainFetch } from '../plain-fetch.ts';

export type ClientOptions = webApi.WebClientOptions & { readonly logger: SlackLogger };

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
