/** What the reader takes for the text of an event is what parsing finds, and nothing that counts is passed over. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addChunk, addText, newDraft } from '../../../../src/agent/model/draft.ts';
import { createTextReader } from '../../../../src/agent/model/text-reader.ts';
import { createEventParser } from '../../../../src/agent/model/transport.ts';

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
  const { textOf, learn } = createTextReader(() => {});
  let parsed = 0;
  for (const data of events) {
    const text = textOf(data);
    if (text !== undefined) {
      addText(draft, text, undefined);
      continue;
    }
    parsed += 1;
    const chunk = JSON.parse(data);
    addChunk(draft, chunk, undefined);
    learn(data, chunk);
  }
  return { draft, parsed };
}

/** The same of a stream that comes in pieces. */
function readStream(pieces: readonly string[]) {
  const draft = newDraft();
  const { textOf, learn, takeSome } = createTextReader((text) => addText(draft, text, undefined));
  let handed = 0;
  const parse = createEventParser({
    takeSome,
    onData(data) {
      handed += 1;
      const text = textOf(data);
      if (text !== undefined) return addText(draft, text, undefined);
      const chunk = JSON.parse(data);
      addChunk(draft, chunk, undefined);
      learn(data, chunk);
    },
  });
  for (const piece of pieces) parse(piece);
  return { draft, handed };
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

  it('E16: property: gives the same answer of a stream, whatever its frames and the cuts', () => {
    const frame = fc.oneof(
      { weight: 6, arbitrary: fc.constant((data: string) => `data: ${data}\n\n`) },
      fc.constantFrom(
        (data: string) => `data: ${data}\r\n\r\n`,
        (data: string) => `data:${data}\n\n`,
        (data: string) => `event: delta\ndata: ${data}\n\n`,
        (data: string) => `: a comment\n\ndata: ${data}\n\n`,
        (data: string) => `data: ${data.replace('{', '{\ndata: ')}\n\n`,
        (data: string) => `data: ${data}\n\n\n`,
      ),
    );
    const cuts = fc.array(fc.nat(900), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(any, frame), { maxLength: 16 }), cuts, (all, lengths) => {
        let rest = `${all.map(([data, framed]) => framed(data)).join('')}data: [DONE]\n\n${all.map(([data]) => `data: ${data}\n\n`).join('')}`;
        const pieces = lengths.map((length) => {
          const piece = rest.slice(0, length);
          rest = rest.slice(length);
          return piece;
        });
        expect(readStream([...pieces, rest]).draft).toEqual(readAll(all.map(([data]) => data)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('takes the events of a stream together, and those that are cut once they are whole', () => {
    const words = Array.from({ length: 200 }, (_, index) => `word ${index} `);
    const stream = words.map((content) => `data: ${event({ content })}\n\n`).join('');
    for (let cut = 1; cut < 1_200; cut += 7) {
      const { draft, handed } = readStream([stream.slice(0, cut), stream.slice(cut)]);
      expect(draft.text).toBe(words.join(''));
      // The first, and perhaps one that is cut where its lines end.
      expect(handed).toBeLessThanOrEqual(2);
    }
  });

  it('tells of empty events too, as signs of life', () => {
    const heard: string[] = [];
    const { learn, takeSome } = createTextReader((text) => void heard.push(text));
    const first = event({ content: 'a' });
    learn(first, JSON.parse(first));
    const stream = `data: ${event({ content: '' })}\n\n`;
    expect(takeSome(stream, 0)).toBe(stream.length);
    expect(takeSome('data: other\n\n', 0)).toBe(0);
    expect(heard).toEqual(['']);
  });

  it('parses the first event of an answer, no others', () => {
    const words = ['One ', 'two ', 'three ', 'a "quote"', '\n\n', 'a \\ and \ud83d', '\ude00', 'four'];
    const { draft, parsed } = read(words.map((content) => event({ content })));
    expect(draft.text).toBe(words.join(''));
    expect(parsed).toBe(1);
  });

  it('leaves it to the parser to refuse what is no JSON', () => {
    const { textOf, learn, takeSome } = createTextReader(() => {});
    const first = event({ content: 'a' });
    learn(first, JSON.parse(first));
    for (const broken of ['\\x', '\\u12', 'a\tb', '\\']) {
      const data = first.replace('"a"', `"${broken}"`);
      expect(textOf(data)).toBeUndefined();
      expect(takeSome(`data: ${data}\n\n`, 0)).toBe(0);
    }
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
