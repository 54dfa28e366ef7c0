/** Quantities as admins write them: durations ("30m"), sizes ("8KiB"). Turned into milliseconds and bytes here, once. */
import { isIP } from 'node:net';
import { z } from 'zod';

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const sizeUnits = { B: 1, KB: 1000, MB: 1_000_000, KiB: 1024, MiB: 1_048_576 } as const;

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const SIZE = /^(\d+)(B|KB|MB|KiB|MiB)$/;

/** A string such as "500ms", "60s", "30m", "24h" or "7d"; the value is milliseconds. */
export const duration = () =>
  z
    .string('must be a duration such as "30s", "30m" or "24h"')
    .regex(DURATION, 'must be a duration such as "500ms", "30s", "30m", "24h" or "7d"')
    .transform((text) => {
      const [, amount, unit] = DURATION.exec(text) ?? [];
      return Number(amount) * durationUnits[unit as keyof typeof durationUnits];
    });

/** A string such as "64KiB" or "8MB"; the value is bytes. */
export const byteSize = () =>
  z
    .string('must be a size such as "64KiB"')
    .regex(SIZE, 'must be a size such as "512B", "64KiB" or "8MB"')
    .transform((text) => {
      const [, amount, unit] = SIZE.exec(text) ?? [];
      return Number(amount) * sizeUnits[unit as keyof typeof sizeUnits];
    });

/** `channel:id`, the form in which people are named everywhere. */
export const userId = () =>
  text().regex(/^[a-z]+:.+$/, 'must have the form "channel:id", such as "slack:U012ABC" or "web:owner"');

/** The same, or "*" for everyone. */
export const userIdOrAll = () =>
  text().regex(/^(\*|[a-z]+:.+)$/, 'must be "*" or have the form "channel:id", such as "slack:U012ABC"');

const HOST = /^(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z][a-z0-9_-]*$/i;

function isNetwork(entry: string): boolean {
  const [address = '', bits = '0', ...rest] = entry.split('/');
  const most = isIP(address) === 4 ? 32 : 128;
  return isIP(address) !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
}

/** Somewhere that requests may go: a host, all hosts below one, every public host, an address, a network. */
export const destination = () =>
  z
    .string('must be a host or an address')
    .refine(
      (entry) => entry === '*' || HOST.test(entry) || isNetwork(entry),
      'must be a host such as "docs.example.com" or "*.example.com", or an address or network such as ' +
        '"10.1.0.0/16"; without "https://", port or path',
    );

const text = () => z.string('must be a string in quotes: ids are never numbers');
