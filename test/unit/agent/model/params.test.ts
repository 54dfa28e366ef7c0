/** What an endpoint is asked: a streamed request is written in parts that are kept. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ChatMessage, ToolSpec } from '../../../../src/agent/model/client.ts';
import { createStreamWriter, paramsOf } from '../../../../src/agent/model/params.ts';

const text = fc.string({ unit: 'binary', maxLength: 8 });
const message: fc.Arbitrary<ChatMessage> = fc.oneof(
  fc.record({ role: fc.constant('system' as const), content: text }),
  fc.record(
    { role: fc.constant('user' as const), content: text, imageUrls: fc.array(fc.webUrl(), { maxLength: 2 }) },
    { requiredKeys: ['role', 'content'] },
  ),
  fc.record(
    {
      role: fc.constant('assistant' as const),
      content: text,
      toolCalls: fc.array(fc.record({ id: text, tool: fc.constant('notes.find'), args: text }), {
        maxLength: 2,
      }),
    },
    { requiredKeys: ['role', 'content'] },
  ),
  fc.record({ role: fc.constant('tool' as const), content: text, toolCallId: text }),
);
const tool: fc.Arbitrary<ToolSpec> = fc.record({
  name: fc.constantFrom('shell', 'notes.find'),
  description: text,
  parameters: fc.dictionary(text, fc.jsonValue()),
});
const options = fc.record({
  baseUrl: fc.constantFrom('https://api.openai.com/v1', 'http://127.0.0.1:1/v1'),
  model: text,
  maxTokens: fc.option(fc.nat()),
  reasoning: fc.option(fc.constantFrom('on' as const, 'off' as const, 'high' as const)),
});

it('the bytes of a streamed request say what the request says, the first time and every other', () => {
  fc.assert(
    fc.property(
      options,
      fc.array(message, { maxLength: 5 }),
      fc.array(tool, { maxLength: 3 }),
      fc.nat(),
      (given, messages, tools, first) => {
        const write = createStreamWriter(given);
        const request = { role: 'thinker', signal: AbortSignal.abort() } as const;
        const some = { messages: messages.slice(0, first % 6), tools: tools.slice(0, first % 4) };
        for (const part of [some, { messages, tools }, some, { messages, tools: tools.toReversed() }]) {
          const asked = { ...request, ...part };
          const whole = { ...paramsOf(given, asked), stream: true, stream_options: { include_usage: true } };
          expect(JSON.parse(write(asked).toString())).toEqual(JSON.parse(JSON.stringify(whole)));
        }
      },
    ),
  );
});
