/** An answer as the texts of a few messages or, when it takes too many, as its beginning and a file with all of it. */
import type { OutboundFile } from '../domain/message.ts';

export type LongAnswerOptions = {
  /** Of one message, as `split` counts. */
  readonly limit: number;
  /** More messages than this for one answer would flood the place. */
  readonly mostParts: number;
  /** Says, in the platform's markup, that this is only the beginning. */
  readonly note: string;
  readonly split: (markdown: string, limit: number) => Promise<string[]>;
};

export type LongAnswer = { readonly texts: readonly string[]; readonly whole?: OutboundFile };

export const WHOLE_ANSWER = 'answer.md';

export async function toLongAnswer(markdown: string, options: LongAnswerOptions): Promise<LongAnswer> {
  const { limit, mostParts, note, split } = options;
  // Of what surely becomes a file only the beginning is needed.
  if (markdown.length <= 2 * mostParts * limit) {
    const texts = await split(markdown, limit);
    if (texts.length <= mostParts) return { texts };
  }
  const [beginning = ''] = await split(markdown.slice(0, limit).toWellFormed(), limit - note.length - 2);
  const whole = { name: WHOLE_ANSWER, mimeType: 'text/markdown', text: markdown };
  return { texts: [`${beginning}\n\n${note}`], whole };
}
