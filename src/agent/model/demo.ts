/**
 * The offline model: no key, no network, always the same answer to the same words. It says what it is, and shows
 * every feature: streaming, tools with and without approval, asides.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { ChatMessage, Endpoint, ModelReply, ModelRequest } from './client.ts';

type Intent = { readonly tool: string; readonly args: Record<string, unknown>; readonly reason: string };

/** Milliseconds between two words: quick, and slow enough to see that it streams. */
const WORD_MS = 12;

export function createDemoEndpoint(): Endpoint {
  return {
    model: 'demo',
    price: { input: 0, output: 0 },
    async complete(request) {
      const plan = answer(request);
      if (request.onDelta !== undefined) {
        for (const word of plan.text.split(/(?<=\s)/)) {
          await wait(WORD_MS, undefined, { signal: request.signal });
          request.onDelta(word);
        }
      }
      return plan;
    },
  };
}

type Plan = Omit<ModelReply, 'cost' | 'latencyMs'>;

function answer(request: ModelRequest): Plan {
  if (request.role === 'action') return directive(request);
  // It learns nothing, and says so.
  if (request.role === 'reflection')
    return reply(request, JSON.stringify({ reasoning: 'The demo model does not learn.', abstain: true }));
  if (request.role === 'memory') return reply(request, JSON.stringify(memoryDecision(request)));
  return native(request);
}

/** It remembers what it is told to, word for word, and nothing else. */
function memoryDecision(request: ModelRequest): Record<string, unknown> {
  const text = request.messages.map((message) => message.content).join('\n');
  const said = /<untrusted source="message of [^\n]*\n([\s\S]*?)\n<\/untrusted>/.exec(text)?.[1] ?? '';
  const wanted = /\b(?:please )?remember(?: that|:)?\s+(.{3,300})/i.exec(said)?.[1];
  if (wanted === undefined) return { shouldStore: false };
  return { shouldStore: true, summary: wanted.trim(), scope: 'user', type: 'fact', importance: 0.5 };
}

function native(request: ModelRequest): Plan {
  if (request.role === 'btw') return reply(request, asideAnswer(request));
  const results = resultsSinceQuestion(request.messages);
  if (results.length > 0) return reply(request, summary(results));
  const intent = request.tools === undefined ? undefined : intentOf(question(request.messages), request);
  if (intent === undefined) return reply(request, chat(question(request.messages)));
  return {
    ...reply(request, intent.reason),
    toolCalls: [{ id: 'demo-1', tool: intent.tool, args: JSON.stringify(intent.args) }],
    finishReason: 'tool_calls',
  };
}

function directive(request: ModelRequest): Plan {
  const done = request.messages.some(
    (message) => message.role === 'user' && message.content.includes('<untrusted'),
  );
  const intent = done ? undefined : intentOf(question(request.messages), request);
  return reply(request, JSON.stringify({ actions: intent === undefined ? [] : [intent] }));
}

function reply(request: ModelRequest, text: string): Plan {
  // About four characters a token, as everywhere where nobody counts exactly.
  const promptTokens = Math.ceil(JSON.stringify(request.messages).length / 4);
  const completionTokens = Math.ceil(text.length / 4);
  return {
    model: 'demo',
    text,
    toolCalls: [],
    reasoning: null,
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    finishReason: 'stop',
  };
}

function question(messages: readonly ChatMessage[]): string {
  const last = messages.findLast(
    (message) => message.role === 'user' && !message.content.startsWith('<untrusted'),
  );
  return last?.content ?? '';
}

function resultsSinceQuestion(messages: readonly ChatMessage[]): string[] {
  const start = messages.findLastIndex((m) => m.role === 'user' && !m.content.startsWith('<untrusted'));
  return messages
    .slice(start + 1)
    .filter((message) => message.role === 'tool' || message.role === 'user')
    .map((message) => message.content.replace(/^<untrusted[^>]*>\n?|\n?<\/untrusted>$/g, '').trim());
}

const patterns: readonly (readonly [RegExp, (found: readonly string[]) => Intent])[] = [
  [/\brun\b[^`]*`([^`]+)`/i, ([, command]) => shell(command)],
  [/\brun:?\s+(.+)$/i, ([, command]) => shell(command)],
  [
    /\b(?:write|create)\b[^`]*?`?([\w./-]+\.\w+)`?(?:\s+(?:with|saying|containing))?:?\s*([\s\S]*)$/i,
    ([, path, content]) => ({
      tool: 'write_file',
      args: {
        path,
        content: content === undefined || content === '' ? 'Hello from Parley.\n' : `${content}\n`,
      },
      reason: `You asked me to write ${path}.`,
    }),
  ],
  [
    /\b(?:read|show|open)\b[^`]*?`?([\w./-]+\.\w+)`?/i,
    ([, path]) => ({ tool: 'read_file', args: { path }, reason: `You asked me to read ${path}.` }),
  ],
  [
    /\b(?:list|which|what)\b.*\bfiles?\b/i,
    () => ({ tool: 'list_files', args: {}, reason: 'You asked for the files.' }),
  ],
  [
    /\b(?:search|find|grep)\b(?: for)? `?([^`]+?)`?$/i,
    ([, query]) => ({ tool: 'search_files', args: { text: query }, reason: 'You asked me to search.' }),
  ],
];

const shell = (command: string | undefined): Intent => ({
  tool: 'shell',
  args: { command: (command ?? '').trim() },
  reason: `You asked me to run ${(command ?? '').trim()}.`,
});

/** Only what is on offer is proposed: an admin may have switched a tool off. */
function intentOf(text: string, request: ModelRequest): Intent | undefined {
  const offered = request.tools?.map((tool) => tool.name);
  for (const [pattern, toIntent] of patterns) {
    const found = pattern.exec(text.trim());
    if (found === null) continue;
    const intent = toIntent(found);
    if (offered === undefined || offered.includes(intent.tool)) return intent;
  }
  return undefined;
}

function summary(results: readonly string[]): string {
  const blocks = results.map((result) => `\`\`\`\n${result.replaceAll('```', "'''").slice(0, 1500)}\n\`\`\``);
  return `That is what came back:\n\n${blocks.join('\n\n')}\n\nI am the demo model, so I leave the thinking to you.`;
}

function asideAnswer(request: ModelRequest): string {
  const said = request.messages.filter((message) => message.role === 'user').length - 1;
  return `I am the demo model. I read ${said} earlier ${said === 1 ? 'message' : 'messages'} as background to your side question; a real model would answer it here. The main work is not disturbed.`;
}

function chat(text: string): string {
  const count = /\bcount to (\d{1,4})\b/i.exec(text);
  if (count !== null) {
    return Array.from({ length: Math.min(Number(count[1]), 2000) }, (_, i) => `${i + 1}`).join(' ');
  }
  return [
    'I am the **demo model**: offline, without a key, and not clever. Set `OPENAI_API_KEY` and start again to talk to a real one.',
    '',
    'Meanwhile I can show you how Parley works. Try:',
    '',
    '- `list the files`: reads the workspace, without asking',
    '- `run ls -la`: a command that only reads runs at once',
    '- `run mkdir reports`: a command that changes something asks you first',
    '- `write notes.md: buy milk`: so does writing a file',
    '- `count to 300`: streams for a while; press Stop, or ask an aside',
    '- `remember that I drink tea`: goes into my memory; `/memory` shows it',
    '- `/btw what are you doing?`: an aside that only you see',
    '',
    '```js\nconst greeting = "code blocks have a copy button";\n```',
  ].join('\n');
}
