/** What the outside world offers the code, as types: time, identity, log, metrics. */
import { randomBytes, randomFillSync } from 'node:crypto';
import { createSteadyClock } from './steady-clock.ts';

export type Clock = {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
};

export const systemClock: Clock = createSteadyClock({
  now: () => Date.now(),
  monotonic: () => performance.now(),
});

/** What stands in a text for a secret that was taken out of it. */
export const REDACTED = '[redacted]';

export type LogFields = Readonly<Record<string, unknown>>;

export type Logger = {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
};

/** Every metric there is; `runtime/metrics.ts` says what each counts and with which labels. */
export type MetricName =
  | 'parley_messages_total'
  | 'parley_inbound_dropped_total'
  | 'parley_inbound_repeated_total'
  | 'parley_inbound_failed_total'
  | 'parley_reconnects_total'
  | 'parley_http_requests_total'
  | 'parley_accepted_total'
  | 'parley_refused_total'
  | 'parley_commands_total'
  | 'parley_clicks_refused_total'
  | 'parley_turns_total'
  | 'parley_turns_active'
  | 'parley_model_call_seconds'
  | 'parley_model_failures_total'
  | 'parley_model_fallbacks_total'
  | 'parley_approvals_total'
  | 'parley_approvals_refused_total'
  | 'parley_deliveries_total'
  | 'parley_jobs_total'
  | 'parley_config_reloads_total'
  | 'parley_store_commits_total'
  | 'parley_store_writes_total'
  | 'parley_log_dropped_total'
  | 'parley_ready_seconds';

/** Counters and gauges by name; labels are a fixed, small set (never ids or text). */
export type Metrics = {
  count(name: MetricName, labels?: Readonly<Record<string, string>>, by?: number): void;
  gauge(name: MetricName, value: number, labels?: Readonly<Record<string, string>>): void;
  observe(name: MetricName, seconds: number, labels?: Readonly<Record<string, string>>): void;
};

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A sortable unique id: 9 characters of time (milliseconds), 16 of randomness (80 bits), Crockford base 32.
 * Not a secret; anything that grants a right uses `newSecret`.
 */
export function newId(now: number): string {
  const time = firstIdOf(now);
  let tail = '';
  for (const byte of moreOfPool(16)) tail += alphabet[byte & 31];
  return time + tail;
}

/** No id that is made from then on comes before it, in the order of letters. */
export function firstIdOf(now: number): string {
  let time = '';
  for (let rest = now, i = 0; i < 9; i++) {
    time = alphabet[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  return time;
}

/** Asking for random bytes takes longer than all the rest of an id, however few they are. */
const pool = Buffer.alloc(4_096);
let taken = pool.length;

function moreOfPool(count: number): Buffer {
  if (taken + count > pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  taken += count;
  return pool.subarray(taken - count, taken);
}

/** 128 random bits, base64url (22 characters): approval ids, sign-in tokens. */
export const newSecret = (): string => randomBytes(16).toString('base64url');

/** Redaction of a text that comes in pieces: in the end the same as of the whole. */
export type RedactStream = {
  /** @returns what is clean whatever follows; what may be the beginning of a secret is held back until more comes. */
  add(text: string): string;
  /** @returns what was held back. */
  end(): string;
};

/** Takes secrets out of a text, or out of several that come in pieces. */
export type StreamingRedact = ((text: string) => string) & { stream(): RedactStream };
