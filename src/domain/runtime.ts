/** What the outside world offers the code, as types: time, identity, log, metrics. */
import { randomBytes } from 'node:crypto';

export type Clock = {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
};

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

export type LogFields = Readonly<Record<string, unknown>>;

export type Logger = {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
};

/** Counters and gauges by name; labels are a fixed, small set (never ids or text). */
export type Metrics = {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  observe(name: string, seconds: number, labels?: Readonly<Record<string, string>>): void;
};

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A sortable unique id: 9 characters of time (milliseconds), 16 of randomness (80 bits), Crockford base 32.
 * Not a secret; anything that grants a right uses `newSecret`.
 */
export function newId(now: number): string {
  let time = '';
  for (let rest = now, i = 0; i < 9; i++) {
    time = alphabet[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  let tail = '';
  for (const byte of randomBytes(16)) tail += alphabet[byte & 31];
  return time + tail;
}

/** 128 random bits, base64url (22 characters): approval ids, sign-in tokens. */
export const newSecret = (): string => randomBytes(16).toString('base64url');
