/**
 * Reads the text of a streamed answer without parsing each event: those of one answer are alike but for their text, and
 * parsing them took as long as the rest of the model call. Whatever is not alike is left to be parsed.
 */

import { BEGIN } from './transport.ts';

type Shape = { readonly before: string; readonly after: string };
type Framed = Shape & { readonly between: string };

export type TextReader = {
  /** The text of an event, if it is certain that it holds nothing else that counts. */
  textOf(data: string): string | undefined;
  /** Of an event whose text is not known, what it holds: others may be like it. */
  learn(data: string, chunk: unknown): void;
  /** Takes the texts of whole events at `from`; returns where the first begins that it did not take. */
  takeSome(stream: string, from: number): number;
};

/** An answer whose events all differ (some servers pad them) is not compared for ever. */
const MOST_TRIES = 4;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const PROBE = 'zq';

/** @param take is told the texts of several events as one */
export function createTextReader(take: (text: string) => void): TextReader {
  let shape: Shape | undefined;
  let framed: Framed | undefined;
  let tries = 0;

  return {
    textOf(data) {
      if (shape === undefined || !isAt(0, shape.before, data)) return undefined;
      const end = endOfText(data, shape.before.length);
      return data.slice(end) === shape.after ? textIn(data.slice(shape.before.length, end)) : undefined;
    },
    learn(data, chunk) {
      if (tries >= MOST_TRIES) return;
      tries += 1;
      const found = shapeOf(data, chunk);
      if (found === undefined) return;
      shape = found;
      framed = framedOf(found);
    },
    takeSome(stream, from) {
      if (framed === undefined || !isAt(from, framed.before, stream)) return from;
      const { before, after, between } = framed;
      let texts = '';
      let at = from + before.length;
      let to = from;
      for (let isAlike = true; isAlike; ) {
        const end = endOfText(stream, at);
        isAlike = isAt(end, between, stream);
        if (!isAlike && !isAt(end, after, stream)) break;
        const text = textIn(stream.slice(at, end));
        if (text === undefined) break;
        texts += text;
        to = end + after.length;
        at = to + before.length;
      }
      // Also when they were all empty: the answer is alive.
      if (to > from) take(texts);
      return to;
    },
  };
}

/** As it stands in a stream; what came in several lines would stand there in several lines. */
function framedOf({ before, after }: Shape): Framed | undefined {
  if (`${before}${after}`.includes('\n')) return undefined;
  const framed = { before: `${BEGIN}${before}`, after: `${after}\n\n` };
  // Compared at once: each look at a string costs the same, however long it is.
  return { ...framed, between: `${framed.after}${framed.before}` };
}

/** `startsWith` compares character by character: several times as long. */
const isAt = (at: number, part: string, text: string): boolean => text.slice(at, at + part.length) === part;

/** The first place that ends a JSON string, or must not be in one. */
function endOfText(json: string, from: number): number {
  let end = from;
  for (;;) {
    const code = json.charCodeAt(end);
    if (code === BACKSLASH) end += 2;
    else if (code >= 0x20 && code !== QUOTE) end += 1;
    else return end;
  }
}

/** What a JSON string says; undefined when it is none, and the event is to be refused as a whole. */
function textIn(json: string): string | undefined {
  if (!json.includes('\\')) return json;
  try {
    return String(JSON.parse(`"${json}"`));
  } catch {
    return undefined;
  }
}

function shapeOf(data: string, chunk: unknown): Shape | undefined {
  const text = onlyText(chunk);
  if (text === undefined) return undefined;
  const at = data.lastIndexOf(`"${text}"`);
  if (at === -1) return undefined;
  const shape = { before: data.slice(0, at + 1), after: data.slice(at + 1 + text.length) };
  // The same words may stand elsewhere in it: another text in their place has to be the text of the event.
  return onlyTextIn(`${shape.before}${PROBE}${shape.after}`) === PROBE ? shape : undefined;
}

function onlyTextIn(data: string): string | undefined {
  try {
    return onlyText(JSON.parse(data));
  } catch {
    return undefined;
  }
}

/** The text of an event that has one choice with text, and nothing else that is read. */
function onlyText(chunk: unknown): string | undefined {
  if (!isObject(chunk) || isThere(chunk.error) || isThere(chunk.usage)) return undefined;
  const [choice, ...others]: unknown[] = Array.isArray(chunk.choices) ? chunk.choices : [];
  if (!isObject(choice) || others.length > 0 || isThere(choice.finish_reason)) return undefined;
  const { delta } = choice;
  if (!isObject(delta) || typeof delta.content !== 'string') return undefined;
  return Object.keys(delta).every((key) => key === 'content' || key === 'role' || !isThere(delta[key]))
    ? delta.content
    : undefined;
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
