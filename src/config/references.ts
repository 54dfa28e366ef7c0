/**
 * `${NAME}` in YAML text. A brace begins a map inside `{ … }`, so references are hidden before parsing behind tokens of
 * the same length: every line and column stays what it is in the file.
 */

export type Reference = {
  readonly token: string;
  readonly name: string;
  /** What `${NAME:-…}` gives when the variable is unset or empty; null: there is none. */
  readonly fallback: string | null;
};

/** Private-use characters: YAML takes them as plain text, and nobody writes them. */
const OPEN = '\u{E000}';
const FILL = '\u{E001}';

export function hideReferences(source: string): { text: string; references: Reference[] } {
  const references: Reference[] = [];
  const text = source.replaceAll(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}\n]*))?\}/g,
    (whole, name: string, fallback: string | undefined) => {
      // Two digits of base 36 fit into the shortest reference, `${X}`.
      const index = references.length.toString(36).padStart(2, '0');
      const token = `${OPEN}${index}`.padEnd(whole.length, FILL);
      references.push({ token, name, fallback: fallback ?? null });
      return token;
    },
  );
  return { text, references };
}
