/** What the reader takes for the text of an event is what parsing finds, and nothing that counts is passed over. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addChunk, addText, newDraft } from '../../../../src/agent/model/draft.ts';
import { createTextReader } from '../../../../src/agent/model/text-reader.ts';

const event = (delta: object, more: object = {}): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: null }],
    usage: null,
    ...more,
  });

function read(events: readonly string[]) {
  const draft = newDraft();
  const textOf = createTextReader();
  let parsed = 0;
  for (const data of events) {
    const text = textOf(data);
    if (text !== undefined) {
      addText(draft, text, undefined);
      continue;
    }
    parsed += 1;
    addChunk(draft, JSON.parse(data), undefined);
  }
  return { draft, parsed };
}

function readAll(events: readonly string[]) {
  const draft = newDraft();
  for (const data of events) addChunk(draft, JSON.parse(data), undefined);
  return draft;
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('zq', 'index', '\\', '"', ''),
);
const any = fc.oneof(
  { weight: 6, arbitrary: text.map((content) => event({ content })) },
  text.map((content) => event({ role: 'assistant', content })),
  text.map((content) => event({ content, reasoning_content: 'hm' })),
  text.map((content) => event({ content: 'x' }, { note: content })),
  text.map((content) => event({ content, tool_calls: [{ index: 0, function: { arguments: content } }] })),
  fc.constant(event({}, { choices: [{ index: 0, delta: { content: 'end' }, finish_reason: 'stop' }] })),
  fc.constant(event({}, { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } })),
);

describe('the reader of text', () => {
  it('E16: property: gives the same answer as parsing every event', () => {
    fc.assert(
      fc.property(fc.array(any, { maxLength: 12 }), (all) => {
        expect(read(all).draft).toEqual(readAll(all));
      }),
      { numRuns: 500 },
    );
  });

  it('parses the first event of an answer and those with special characters, no others', () => {
    const words = ['One ', 'two ', 'three ', 'a "quote"', 'four'];
    const { draft, parsed } = read(words.map((content) => event({ content })));
    expect(draft.text).toBe(words.join(''));
    expect(parsed).toBe(2);
  });

  it('gives up on an answer whose events are never alike', () => {
    const padded = Array.from({ length: 50 }, (_, index) =>
      event({ content: 'w ' }, { padding: `${index}` }),
    );
    expect(read(padded)).toEqual({ draft: readAll(padded), parsed: 50 });
  });

  it('is not led astray by words that stand elsewhere too', () => {
    const all = [event({ content: 'a' }, { tail: 'a' }), event({ content: 'b' }, { tail: 'a' })];
    expect(read(all).draft.text).toBe('ab');
  });
});
