/**
 * The offline model: no key, no network, always the same answer to the same words. It says what it is, and shows
 * every feature: streaming, tools with and without approval, memory, skills, lessons, asides.
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
  if (request.role === 'reflection') return reply(request, JSON.stringify(reflection(request)));
  if (request.role === 'memory') return reply(request, JSON.stringify(memoryDecision(request)));
  return native(request);
}

const WANTED = /\bremember(?: that|:)?\s+(.{3,300})/i;
const LESSON = /\b(?:next time|from now on|in future)\b[,:]?\s+(.{3,300})/i;

/** What the person said, in the prompts that look back at a turn. */
const saidIn = ({ messages }: ModelRequest): string => {
  const text = messages.map((message) => message.content).join('\n');
  return /<untrusted source="message of [^\n]*\n([\s\S]*?)\n<\/untrusted>/.exec(text)?.[1] ?? '';
};

/** It learns what is said about the next time, word for word. */
function reflection(request: ModelRequest): Record<string, unknown> {
  const wanted = LESSON.exec(saidIn(request))?.[1]?.trim();
  if (wanted === undefined)
    return { reasoning: 'The demo model learns only from “next time, …”.', abstain: true };
  const lesson = { summary: `Next time: ${wanted}`, reusableLesson: wanted };
  return { reasoning: 'The person said how to do it the next time.', memory: [], lesson };
}

/** It remembers what it is told to, word for word, and nothing else. */
function memoryDecision(request: ModelRequest): Record<string, unknown> {
  const said = saidIn(request);
  const wanted = isQuestion(said) ? undefined : WANTED.exec(said)?.[1];
  if (wanted === undefined) return { shouldStore: false };
  return { shouldStore: true, summary: wanted.trim(), scope: 'user', type: 'fact', importance: 0.5 };
}

function native(request: ModelRequest): Plan {
  if (request.role === 'btw') return reply(request, asideAnswer(request));
  const results = resultsSinceQuestion(request.messages);
  if (results.length > 0) return reply(request, summary(results));
  const intents = request.tools === undefined ? [] : intentsOf(question(request.messages), request);
  const [first] = intents;
  if (first === undefined) return reply(request, chat(question(request.messages), request));
  return {
    ...reply(request, first.reason),
    toolCalls: intents.map(({ tool, args }, i) => ({
      id: `demo-${i + 1}`,
      tool,
      args: JSON.stringify(args),
    })),
    finishReason: 'tool_calls',
  };
}

function directive(request: ModelRequest): Plan {
  const done = request.messages.some(
    (message) => message.role === 'user' && message.content.includes('<untrusted'),
  );
  const actions = done ? [] : intentsOf(question(request.messages), request);
  return reply(request, JSON.stringify({ actions }));
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
  [
    /\b(?:use|load|follow)\b.*\bskill:? `?([a-z0-9-]+)`?/i,
    ([, name]) => ({
      tool: 'run_skill',
      args: { name },
      reason: `You asked me to use the skill ${name}.`,
    }),
  ],
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
function intentsOf(text: string, request: ModelRequest): Intent[] {
  const offered = request.tools?.map((tool) => tool.name);
  const commands = /\brun\b/i.test(text) ? [...text.matchAll(/`([^`]+)`/g)] : [];
  if (commands.length > 1 && (offered === undefined || offered.includes('shell')))
    return commands.map(([, command]) => shell(command));
  for (const [pattern, toIntent] of patterns) {
    const found = pattern.exec(text.trim());
    if (found === null) continue;
    const intent = toIntent(found);
    if (offered === undefined || offered.includes(intent.tool)) return [intent];
  }
  return [];
}

function summary(results: readonly string[]): string {
  const blocks = results.map((result) => `\`\`\`\n${result.replaceAll('```', "'''").slice(0, 1500)}\n\`\`\``);
  return `That is what came back:\n\n${blocks.join('\n\n')}\n\nI am the demo model, so I leave the thinking to you.`;
}

function asideAnswer(request: ModelRequest): string {
  const said = request.messages.filter((message) => message.role === 'user').length - 1;
  return `I am the demo model. I read ${said} earlier ${said === 1 ? 'message' : 'messages'} as background to your side question; a real model would answer it here. The main work is not disturbed.`;
}

const isQuestion = (text: string): boolean =>
  /\b(?:do you (?:still )?remember|what do you (?:know|remember)|what (?:do|did) i)\b/i.test(text);

/** The entries that came with the prompt, as they stand there. */
function recalled({ messages }: ModelRequest): string[] {
  const text = messages.find((message) => message.role === 'system')?.content ?? '';
  const block = /<untrusted source="memory">\n([\s\S]*?)\n<\/untrusted>/.exec(text)?.[1] ?? '';
  return block.split('\n').filter((line) => line.startsWith('- '));
}

function chat(text: string, request: ModelRequest): string {
  const count = /\bcount to (\d{1,4})\b/i.exec(text);
  if (count !== null) {
    return Array.from({ length: Math.min(Number(count[1]), 2000) }, (_, i) => `${i + 1}`).join(' ');
  }
  if (isQuestion(text)) {
    const known = recalled(request);
    return known.length === 0
      ? 'I recall nothing that fits. Say `remember that …` first; `/memory` shows what there is.'
      : `This came to my mind:\n\n${known.join('\n')}\n\n\`/memory\` shows where it is from, and forgets it.`;
  }
  if (WANTED.test(text))
    return 'I keep that once this answer is out. `/memory` shows it; ask me `what do you remember?`';
  if (LESSON.test(text))
    return 'I look back at this once the answer is out, and keep it as a lesson. `/reflections` shows it, and takes it back.';
  return [
    'I am the **demo model**: offline, without a key, and not clever. Set `OPENAI_API_KEY` and start again to talk to a real one.',
    '',
    'Meanwhile I can show you how Parley works. Try:',
    '',
    '- `list the files`: reads the workspace, without asking',
    '- `run ls -la`: a command that only reads runs at once',
    '- `run mkdir reports`: a command that changes something asks you first',
    '- `write notes.md: buy milk`: so does writing a file',
    '- run `mkdir a`, `mkdir b` and `mkdir c`: several at once, with one card for all',
    '- `count to 300`: streams for a while; press Stop, or ask an aside',
    '- `remember that I drink tea`: goes into my memory; `/memory` shows it',
    '- `next time, be brief`: a lesson; `/reflections` shows it and takes it back',
    '- `use the skill release-notes`: instructions that I load; `/skills` lists them',
    '- `/btw what are you doing?`: an aside that only you see',
    '',
    '```js\nconst greeting = "code blocks have a copy button";\n```',
  ].join('\n');
}
