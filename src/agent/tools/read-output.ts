/** Reads the full output of an earlier action, which the prompt showed only in part. */
import { z } from 'zod';
import { defineTool } from './tool.ts';

/** Enough for a long look without filling the prompt; the model asks again for more. */
const DEFAULT_CHARACTERS = 8_000;
const MAX_CHARACTERS = 50_000;

const input = z.strictObject({
  reference: z
    .string()
    .max(200)
    .describe('The reference from the "full output" marker of an earlier result.'),
  offset: z.int().min(0).default(0).describe('Characters to skip from the start.'),
  limit: z
    .int()
    .min(1)
    .max(MAX_CHARACTERS)
    .default(DEFAULT_CHARACTERS)
    .describe(`Characters to return, at most ${MAX_CHARACTERS}.`),
});

/** Moves a cut that would fall inside a surrogate pair back by one. */
const wholeCharacter = (text: string, at: number): number =>
  at > 0 && at < text.length && (text.codePointAt(at - 1) ?? 0) > 0xffff ? at - 1 : at;

export const readOutput = defineTool({
  name: 'read_output',
  description:
    'Reads any part of the full output of an earlier action of this turn whose result was shortened, however long it is.',
  input,
  effect: 'read',
  risks: ['low'],
  timeoutMs: 10_000,
  assess: async ({ reference }) => ({
    decision: 'allow',
    risk: 'low',
    reasons: ['only reads'],
    alwaysKey: null,
    display: {
      question: 'Read this output?',
      text: reference,
      language: 'text',
      title: `Read the output of ${reference}`,
    },
  }),
  run: async ({ reference, offset, limit }, context) => {
    // One more at each end tells whether a cut would fall inside a character.
    const from = Math.max(0, offset - 1);
    const found = await context.readOutput(reference, { start: from, length: limit + 2 });
    if (found === undefined) {
      const output = `There is no output "${reference}" in this turn. Use the reference from the marker, unchanged.`;
      return { ok: false, output, metadata: { errorCode: 'tool.not_found' } };
    }
    const { text, total } = found;
    const start = wholeCharacter(text, Math.min(offset - from, text.length));
    const cut = wholeCharacter(text, Math.min(start + limit, text.length));
    // A character of two units is given whole where there is room for one only, or nobody would get past it.
    const end = cut > start || start === text.length ? cut : start + 2;
    const rest = from + end < total ? `\n[continue with offset ${from + end} of ${total}]` : '';
    return { ok: true, output: `${text.slice(start, end)}${rest}`, metadata: { characters: total } };
  },
});
