/** A model's answer that is to be JSON. */

/** @throws SyntaxError */
export function parseJsonAnswer(text: string): unknown {
  // Models like to wrap JSON in a Markdown fence although told not to; that is no reason to ask again.
  const trimmed = text.trim();
  const match = /^```[a-z]*\n([\s\S]*?)\n?```$/.exec(trimmed);
  return JSON.parse(match?.[1] ?? trimmed);
}
