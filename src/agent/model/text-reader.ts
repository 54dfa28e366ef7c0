/**
 * Reads the text of a streamed answer without parsing each event: those of one answer are alike but for their text, and
 * parsing them took as long as the rest of the model call. Whatever is not alike is left to be parsed.
 */

type Shape = { readonly before: string; readonly after: string };

/** An answer whose events all differ (some servers pad them) is not compared for ever. */
const MOST_TRIES = 4;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const PROBE = 'zq';

/** The text of an event, if it is certain that it holds nothing else that counts. */
export function createTextReader(): (data: string) => string | undefined {
  let shape: Shape | undefined;
  let tries = 0;

  return (data) => {
    if (shape !== undefined) {
      const text = textIn(shape, data);
      if (text !== undefined) return text;
    }
    if (tries < MOST_TRIES) {
      tries += 1;
      shape = shapeOf(data) ?? shape;
    }
    return undefined;
  };
}

function textIn({ before, after }: Shape, data: string): string | undefined {
  if (data.length < before.length + after.length) return undefined;
  if (!data.startsWith(before) || !data.endsWith(after)) return undefined;
  const end = data.length - after.length;
  for (let at = before.length; at < end; at++) if (isSpecial(data.charCodeAt(at))) return undefined;
  return data.slice(before.length, end);
}

/** What ends a JSON string, begins an escape, or must not be in one. */
const isSpecial = (code: number): boolean => code === QUOTE || code === BACKSLASH || code < 0x20;

function shapeOf(data: string): Shape | undefined {
  const text = onlyText(data);
  if (text === undefined) return undefined;
  const at = data.lastIndexOf(`"${text}"`);
  if (at === -1) return undefined;
  const shape = { before: data.slice(0, at + 1), after: data.slice(at + 1 + text.length) };
  // The same words may stand elsewhere in it: another text in their place has to be the text of the event.
  return onlyText(`${shape.before}${PROBE}${shape.after}`) === PROBE ? shape : undefined;
}

/** The text of an event that has one choice with text, and nothing else that is read. */
function onlyText(data: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    return undefined;
  }
  const chunk = fieldsOf(parsed);
  const choices: unknown = chunk.choices;
  if (isThere(chunk.error) || isThere(chunk.usage) || !Array.isArray(choices) || choices.length !== 1)
    return undefined;
  const choice = fieldsOf(choices[0]);
  if (isThere(choice.finish_reason)) return undefined;
  const { content, role: _, ...others } = fieldsOf(choice.delta);
  return typeof content === 'string' && !Object.values(others).some(isThere) ? content : undefined;
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null;

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};
