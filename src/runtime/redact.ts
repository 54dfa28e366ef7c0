/** Takes secrets out of text by their value, wherever they turn up: log lines, errors, events, chat. */
import { REDACTED, type RedactStream, type StreamingRedact } from '../domain/runtime.ts';

export type Redact = (text: string) => string;

/** Shorter values are words: taking them out would garble the log and hide nothing. */
const SHORTEST = 8;

/** @param secrets asked for each time, so that values of a reloaded configuration count at once. */
export function createRedact(secrets: () => Iterable<string>): StreamingRedact {
  const formsNow = followForms(secrets);
  const redact: Redact = (text) => {
    // No form of a secret is shorter than the secret.
    if (text.length < SHORTEST) return text;
    const forms = formsNow();
    return forms === null ? text : text.replace(forms.pattern, REDACTED);
  };
  const stream = (): RedactStream => {
    let held = '';
    return {
      add(text) {
        const forms = formsNow();
        const known = held + text;
        const { clean, rest } = forms === null ? { clean: known, rest: '' } : redactKnown(known, forms);
        held = rest;
        return clean;
      },
      end() {
        const rest = redact(held);
        held = '';
        return rest;
      },
    };
  };
  return Object.assign(redact, { stream });
}

type Forms = {
  readonly pattern: RegExp;
  readonly longest: number;
  /** By their first two characters, which few places of a text share with one. */
  readonly byStart: ReadonlyMap<string, readonly string[]>;
  readonly firsts: ReadonlySet<string>;
};

/** What follows does not change what becomes of `clean`: no place in it can be the beginning of a longer match. */
function redactKnown(text: string, forms: Forms): { clean: string; rest: string } {
  let clean = '';
  let from = 0;
  let open = openPlace(text, 0, forms);
  for (const match of text.matchAll(forms.pattern)) {
    // One that begins where a longer one may begin, or later, waits with it.
    if (match.index >= open) break;
    clean += text.slice(from, match.index) + REDACTED;
    from = match.index + match[0].length;
    if (open < from) open = openPlace(text, from, forms);
  }
  return { clean: clean + text.slice(from, open), rest: text.slice(open) };
}

/** The first place, from `from` on, at which the rest of the text is the beginning of a longer form. */
function openPlace(text: string, from: number, { longest, byStart, firsts }: Forms): number {
  const last = text.length - 1;
  for (let at = Math.max(from, text.length - longest + 1); at < last; at++) {
    const candidates = byStart.get(text.slice(at, at + 2));
    if (candidates === undefined) continue;
    const rest = text.slice(at);
    if (candidates.some((form) => form.length > rest.length && form.startsWith(rest))) return at;
  }
  return last >= from && firsts.has(text.charAt(last)) ? last : text.length;
}

/** The forms of the secrets of now; null: there are none. */
function followForms(secrets: () => Iterable<string>): () => Forms | null {
  let known: readonly string[] = [];
  let forms: Forms | null = null;
  return () => {
    const values = secrets();
    if (!isSame(values, known)) {
      known = [...values];
      forms = compile(known.filter((value) => value.length >= SHORTEST));
    }
    return forms;
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

function compile(values: readonly string[]): Forms | null {
  // Longest first: a secret that contains another must not leave its tail.
  const sorted = [...new Set(values.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  if (sorted.length === 0) return null;
  const escaped = sorted.map((form) => form.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return {
    pattern: new RegExp(escaped.join('|'), 'g'),
    longest: sorted[0]?.length ?? 0,
    byStart: Map.groupBy(sorted, (form) => form.slice(0, 2)),
    firsts: new Set(sorted.map((form) => form.charAt(0))),
  };
}

/** The ways in which a value is likely to be written down by accident. */
function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
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
