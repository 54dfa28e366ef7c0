/** A request as OpenAI-compatible endpoints want it: as an object for the SDK, and as the bytes of one that streams. */
import { memoize } from '../memoize.ts';
import type { ChatMessage, ModelRequest, Reasoning, ToolSpec } from './client.ts';
import { toWireName } from './wire-name.ts';

export type ParamsOptions = {
  readonly baseUrl: string;
  readonly model: string;
  readonly maxTokens: number | null;
  readonly reasoning: Reasoning | null;
};

export const paramsOf = (options: ParamsOptions, { messages, tools }: ModelRequest) => ({
  ...fixedOf(options),
  messages: messages.map(toMessage),
  ...(tools === undefined || tools.length === 0 ? {} : { tools: tools.map(toTool) }),
});

/**
 * Most of a request is what the one before it held: each message and each tool is written as JSON once, and the longest
 * of it, the tools and the message that everything begins with, is put into bytes once.
 */
export function createStreamWriter(options: ParamsOptions): (request: ModelRequest) => Buffer {
  const headOf = createHeadWriter(options);
  const firstOf = memoize((message: ChatMessage) => Buffer.from(textOf(message)));
  const nextOf = memoize((message: ChatMessage) => `,${textOf(message)}`);
  return ({ messages, tools = [] }) => {
    const begin = [headOf(tools), ...messages.slice(0, 1).map(firstOf)];
    return joined(begin, `${messages.slice(1).map(nextOf).join('')}]}`);
  };
}

/** A text that is put into bytes by itself first would be copied once more. */
function joined(begin: readonly Buffer[], end: string): Buffer {
  const length = begin.reduce((sum, part) => sum + part.length, Buffer.byteLength(end));
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const part of begin) at += part.copy(bytes, at);
  bytes.write(end, at);
  return bytes;
}

/** All that is before the messages. */
function createHeadWriter(options: ParamsOptions): (tools: readonly ToolSpec[]) => Buffer {
  const fixed = { ...fixedOf(options), stream: true, stream_options: { include_usage: true } };
  const write = (tools: readonly ToolSpec[]): Buffer => {
    const acting = tools.length === 0 ? {} : { tools: tools.map(toTool) };
    return Buffer.from(`${JSON.stringify({ ...fixed, ...acting }).slice(0, -1)},"messages":[`);
  };
  const bare = write([]);
  let known: readonly ToolSpec[] = [];
  let acting = bare;
  return (tools) => {
    if (tools.length === 0) return bare;
    if (tools.length !== known.length || tools.some((tool, index) => tool !== known[index])) {
      known = tools;
      acting = write(tools);
    }
    return acting;
  };
}

const textOf = (message: ChatMessage): string => JSON.stringify(toMessage(message));

/** What is the same in every request. */
const fixedOf = (options: ParamsOptions) => ({
  model: options.model,
  ...tokenLimit(options),
  ...(options.reasoning === null ? {} : { reasoning_effort: effort[options.reasoning] }),
});

/** OpenAI renamed the field; most compatible servers know only the old name. */
function tokenLimit({ baseUrl, maxTokens }: ParamsOptions): {
  max_completion_tokens?: number;
  max_tokens?: number;
} {
  if (maxTokens === null) return {};
  return new URL(baseUrl).hostname === 'api.openai.com'
    ? { max_completion_tokens: maxTokens }
    : { max_tokens: maxTokens };
}

/** `on` leaves the amount to a middle setting, `off` is the API's own word for no reasoning. */
const effort = {
  on: 'medium',
  off: 'none',
  low: 'low',
  medium: 'medium',
  high: 'high',
} as const satisfies Record<Reasoning, string>;

const toTool = (tool: ToolSpec) => ({
  type: 'function' as const,
  function: {
    name: toWireName(tool.name),
    description: tool.description,
    parameters: { ...tool.parameters },
  },
});

function toMessage(message: ChatMessage) {
  switch (message.role) {
    case 'system':
      return { role: 'system' as const, content: message.content };
    case 'user':
      if (message.imageUrls === undefined || message.imageUrls.length === 0)
        return { role: 'user' as const, content: message.content };
      return {
        role: 'user' as const,
        content: [
          { type: 'text' as const, text: message.content },
          ...message.imageUrls.map((url) => ({ type: 'image_url' as const, image_url: { url } })),
        ],
      };
    case 'assistant':
      if (message.toolCalls === undefined || message.toolCalls.length === 0)
        return { role: 'assistant' as const, content: message.content };
      return {
        role: 'assistant' as const,
        content: message.content === '' ? null : message.content,
        tool_calls: message.toolCalls.map((call) => ({
          id: call.id,
          type: 'function' as const,
          function: { name: toWireName(call.tool), arguments: call.args },
        })),
      };
    case 'tool':
      return { role: 'tool' as const, tool_call_id: message.toolCallId, content: message.content };
  }
}
