/** Takes secrets out of text by their value, wherever they turn up: log lines, errors, events, chat. */
import { REDACTED } from '../domain/runtime.ts';

export type Redact = (text: string) => string;

/** Shorter values are words: taking them out would garble the log and hide nothing. */
const SHORTEST = 8;

/** @param secrets asked for each time, so that values of a reloaded configuration count at once. */
export function createRedact(secrets: () => Iterable<string>): Redact {
  let known: readonly string[] = [];
  let pattern: RegExp | null = null;
  return (text) => {
    // No form of a secret is shorter than the secret.
    if (text.length < SHORTEST) return text;
    const values = secrets();
    if (!isSame(values, known)) {
      known = [...values];
      pattern = compile(known.filter((value) => value.length >= SHORTEST));
    }
    return pattern === null ? text : text.replace(pattern, REDACTED);
  };
}

function isSame(values: Iterable<string>, known: readonly string[]): boolean {
  let index = 0;
  for (const value of values) {
    if (value !== known[index]) return false;
    index += 1;
  }
  return index === known.length;
}

function compile(values: readonly string[]): RegExp | null {
  const forms = new Set(values.flatMap(formsOf));
  if (forms.size === 0) return null;
  // Longest first: a secret that contains another must not leave its tail.
  const sorted = [...forms].sort((a, b) => b.length - a.length);
  return new RegExp(sorted.map((form) => form.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'g');
}

/** The ways in which a value is likely to be written down by accident. */
function formsOf(value: string): string[] {
  const bytes = Buffer.from(value, 'utf8');
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    encodeURIComponent(value).replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...base64Forms(bytes),
  ];
}

/**
 * Base64 of whatever it stands in, such as the `user:secret` of a basic login: the text depends on how far into a group
 * of three bytes it begins. The characters at both ends, which its neighbours share, are left out.
 */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes]);
    const first = Math.ceil((before * 8) / 6);
    const whole = Math.floor((shifted.length * 8) / 6);
    return (['base64', 'base64url'] as const).map((form) => shifted.toString(form).slice(first, whole));
  });
}
