/** The other half of every floor bot: the openai SDK as its readme shows it, and the conversation in a Map. */
import OpenAI from 'openai';
import { requireLoopback } from '../loopback.ts';

export type FloorOptions = {
  readonly modelUrl: string;
  readonly platformUrl: string;
  readonly token: string;
  readonly appToken: string;
  /** So many characters of instructions, for a prompt as long as Parley's. */
  readonly instructions: number;
};

export function readOptions(): FloorOptions {
  const options: FloorOptions = JSON.parse(process.argv[2] ?? '{}');
  requireLoopback(options.modelUrl);
  requireLoopback(options.platformUrl);
  return options;
}

const HISTORY = 50;

export function createAnswer({ modelUrl, instructions }: FloorOptions) {
  const openai = new OpenAI({ baseURL: modelUrl, apiKey: 'bench' });
  const system = { role: 'system', content: 'You are helpful. '.padEnd(instructions, '. ') } as const;
  const histories = new Map<string, OpenAI.ChatCompletionMessageParam[]>();
  return async (chat: string, text: string): Promise<string> => {
    const history = [...(histories.get(chat) ?? []), { role: 'user', content: text } as const].slice(
      -HISTORY,
    );
    const stream = await openai.chat.completions.create({
      model: 'bench',
      messages: [system, ...history],
      stream: true,
      stream_options: { include_usage: true },
    });
    let answer = '';
    for await (const chunk of stream) answer += chunk.choices[0]?.delta?.content ?? '';
    histories.set(chat, [...history, { role: 'assistant', content: answer }]);
    return answer;
  };
}

export function ready(): void {
  process.stdout.write('ready\n');
}

/** A reply that was refused must not count as one: the run is void. */
export function fail(error: unknown): never {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
}
