/** The events of a streamed answer are the same however the network cuts it into pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEventParser } from '../../../../src/agent/model/transport.ts';

const takeSome = (_stream: string, from: number): number => from;

function parse(pieces: readonly string[]): { data: string; event: string }[] {
  const found: { data: string; event: string }[] = [];
  const take = createEventParser({
    takeSome,
    onData: (data, event) => void found.push({ data, event }),
  });
  for (const piece of pieces) take(piece);
  return found;
}

const data = fc.array(fc.stringMatching(/^[^\r\n]*$/), { minLength: 1, maxLength: 3 });
const events = fc.array(fc.record({ data, event: fc.constantFrom('', 'error', 'delta') }), { maxLength: 8 });

describe('the parser of server-sent events', () => {
  it('gives every event once, whole, whatever the line ends and the cuts', () => {
    fc.assert(
      fc.property(events, fc.constantFrom('\n', '\r\n'), fc.array(fc.nat(40)), (all, end, cuts) => {
        const text = all
          .map((one) =>
            [
              ': a comment',
              ...(one.event === '' ? [] : [`event: ${one.event}`]),
              ...one.data.map((line) => `data: ${line}`),
              '',
              '',
            ].join(end),
          )
          .join('');
        const pieces: string[] = [];
        let from = 0;
        for (const cut of cuts) {
          pieces.push(text.slice(from, from + cut));
          from += cut;
        }
        pieces.push(text.slice(from));
        const expected = all
          .map((one) => ({ data: one.data.join('\n'), event: one.event }))
          .filter((one) => one.data !== '[DONE]');
        expect(parse(pieces)).toEqual(expected);
      }),
    );
  });

  it('is deaf after [DONE], and says that it was there', () => {
    const found: string[] = [];
    const take = createEventParser({ takeSome, onData: (one) => void found.push(one) });
    expect(take('data: {"a":1}\n\nda')).toBe(false);
    expect(take('ta: [DONE]\n\ndata: late\n\n')).toBe(true);
    expect(take('data: later\n\n')).toBe(true);
    expect(found).toEqual(['{"a":1}']);
  });

  it('drops an event that the end of the stream cuts off', () => {
    expect(parse(['data: whole\n\ndata: ha'])).toEqual([{ data: 'whole', event: '' }]);
  });
});
