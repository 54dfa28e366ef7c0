/** Takes secrets out of text by their value, wherever they turn up: log lines, errors, events, chat. */

export type Redact = (text: string) => string;

/** Shorter values are words: taking them out would garble the log and hide nothing. */
const SHORTEST = 8;

/** @param secrets asked for each time, so that values of a reloaded configuration count at once. */
export function createRedact(secrets: () => Iterable<string>): Redact {
  let known: readonly string[] = [];
  let pattern: RegExp | null = null;
  return (text) => {
    const values = [...secrets()].filter((value) => value.length >= SHORTEST);
    if (values.length !== known.length || values.some((value, i) => value !== known[i])) {
      known = values;
      pattern = compile(values);
    }
    return pattern === null ? text : text.replace(pattern, '[redacted]');
  };
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
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ];
}
