/**
 * Many conversations that talk at once on the web chat and on Telegram, whatever happens to the gateway meanwhile.
 * Each message carries a key of its own; every third one makes the agent do something that must happen once.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFolder, type GatewayFolder, type RunningGateway, until } from '../e2e/support/gateway.ts';
import { OWNER_TOKEN } from '../e2e/support/scenario.ts';
import { type Place, signIn, type WebClient } from '../e2e/support/web-client.ts';
import { type FakeModel, type ScriptedReply, startFakeModel } from '../fakes/model-server.ts';
import type { Person } from '../fakes/telegram/state.ts';
import { type FakeTelegram, startFakeTelegram } from '../fakes/telegram-server.ts';

/** A message that the gateway or the platform has taken. */
export type Sent = { readonly key: string; readonly messageId: string };

export type Talk = {
  readonly channel: 'web' | 'telegram';
  readonly conversation: string;
  /** In the order in which they were said. */
  readonly sent: Sent[];
  answered(key: string): boolean;
};

export type Load = {
  readonly folder: GatewayFolder;
  readonly model: FakeModel;
  readonly telegram: FakeTelegram;
  readonly owner: WebClient;
  readonly talks: readonly Talk[];
  gateway: RunningGateway;
  /** Everybody begins to talk; stops when told, and resolves once all of it is answered. */
  begin(): { finish(): Promise<void> };
  /** What tools did, one key a line. */
  effects(): string[];
  close(): Promise<void>;
};

/** Messages of one conversation that wait for their answer at the same time. */
const OPEN = 3;
const LONGEST_THOUGHT_MS = 120;
const PRESSED_AGAIN_AFTER_MS = 4_000;
const SETTLED_WITHIN_MS = 120_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export const answerTo = (key: string): string => `the answer to ${key} is complete`;
const keyIn = (text: string): string => /\bk\d+x\d+\b/.exec(text)?.[0] ?? '';

async function think(question: string, lastRole: string): Promise<ScriptedReply> {
  const key = keyIn(question);
  const hold = pause(Math.random() * LONGEST_THOUGHT_MS);
  if (question.includes('act') && lastRole !== 'tool')
    return { toolCalls: [{ name: 'shell', args: { command: `sh -c "echo ${key} >> effects"` } }], hold };
  return { text: answerTo(key), ...(Math.random() < 0.5 ? { hold } : { holdAfterFirst: hold }) };
}

export async function startLoad(options: { web: number; telegram: number }): Promise<Load> {
  const model = await startFakeModel();
  model.script((call) => think(call.question, call.messages.at(-1)?.role ?? ''));
  const telegram = await startFakeTelegram();
  const people = Array.from({ length: options.telegram }, (_, i) => telegram.person(`Person ${i}`));
  const approvers = ['web:owner', ...people.map(({ id }) => `telegram:${id}`)];
  const folder = createFolder();
  folder.writeConfig(`
server: { port: 0, token: ${OWNER_TOKEN} }
store: { url: "sqlite:data/parley.db" }
channels:
  telegram: { token: "${telegram.token}", api_url: "${telegram.url}" }
access: { users: ["*"], approvers: ${JSON.stringify(approvers)}, admins: ["web:owner"] }
limits: { messages_per_minute: 100000 }
memory: { enabled: false }
reflection: { enabled: false }
tools: { shell: { sandbox: "off" } }
approvals:
  rules: [{ tool: shell, match: { command: "sh -c *" }, decision: allow, after_untrusted: true }]
models:
  default: { base_url: "${model.url}", api_key: test-model-key, model: scripted, timeout: 10s }
`);
  const gateway = await folder.start();
  const owner = await signIn(gateway.url, OWNER_TOKEN);
  const answered = answersOf(() => [
    ...owner.posts().flatMap((post) => (post.kind === 'answer' ? [post.html.join()] : [])),
    ...telegram.state.shown.flatMap((one) => (isFinal(one) ? [one.text] : [])),
  ]);
  const talks: Talk[] = [];
  const sayings = new Map<Talk, (text: string) => Promise<string>>();
  for (let i = 0; i < options.web; i++) {
    const { talk, say } = webTalk(owner, await owner.createConversation(`Talk ${i}`, false), answered);
    talks.push(talk);
    sayings.set(talk, say);
  }
  for (const person of people) {
    const { talk, say } = telegramTalk(telegram, person, answered);
    talks.push(talk);
    sayings.set(talk, say);
  }
  const load: Load = {
    folder,
    model,
    telegram,
    owner,
    talks,
    gateway,
    begin() {
      let isOver = false;
      let isSettled = false;
      const speakers = talks.map(async (talk, number) => {
        const say = sayings.get(talk);
        for (let i = 0; !isOver && say !== undefined; i++) {
          const key = `k${number}x${i}`;
          talk.sent.push({ key, messageId: await say(i % 3 === 2 ? `act on ${key}` : `ask about ${key}`) });
          const room = () => talk.sent.filter((one) => !talk.answered(one.key)).length < OPEN;
          await until(`room in ${talk.conversation}`, () => isOver || room(), SETTLED_WITHIN_MS);
        }
      });
      const decider = decide(load, people, () => isSettled);
      return {
        async finish() {
          isOver = true;
          try {
            await Promise.all(speakers);
            for (const talk of talks)
              for (const { key } of talk.sent)
                await until(`the answer to ${key}`, () => talk.answered(key), SETTLED_WITHIN_MS);
          } finally {
            isSettled = true;
            await decider;
          }
        },
      };
    },
    effects() {
      const file = join(folder.path, 'data/workspace/effects');
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
    },
    async close() {
      owner.close();
      await load.gateway.kill();
      await model.close();
      await telegram.close();
      folder.remove();
    },
  };
  return load;
}

function webTalk(
  owner: WebClient,
  place: Place,
  answered: Talk['answered'],
): { talk: Talk; say: (text: string) => Promise<string> } {
  const talk: Talk = {
    channel: 'web',
    conversation: place.conversation,
    sent: [],
    answered,
  };
  return {
    talk,
    /** Says it again, as the page does, until the gateway has acknowledged it. */
    async say(text) {
      const clientId = crypto.randomUUID();
      return until(
        'the message to be taken',
        async () => {
          const { status, id } = await owner.post(place, text, clientId).catch(() => ({ status: 0, id: '' }));
          return status === 201 || status === 200 ? id : undefined;
        },
        SETTLED_WITHIN_MS,
      );
    },
  };
}

function telegramTalk(
  telegram: FakeTelegram,
  person: Person,
  answered: Talk['answered'],
): { talk: Talk; say: (text: string) => Promise<string> } {
  const chat = telegram.direct(person);
  return {
    talk: {
      channel: 'telegram',
      conversation: String(chat),
      sent: [],
      answered,
    },
    say: async (text) => String(telegram.say({ chat, from: person, text })),
  };
}

type Shown = { readonly text: string; readonly deleted: boolean; readonly keyboard: unknown };

/** Neither a draft nor a card. */
const isFinal = (one: Shown): boolean => !one.deleted && one.keyboard === undefined;
export const isAnswer = (one: Shown, key: string): boolean =>
  isFinal(one) && one.text.includes(answerTo(key));

/** Looks again now and then, not at every question: there are thousands of messages in the end. */
function answersOf(texts: () => readonly string[]): (key: string) => boolean {
  let known = new Set<string>();
  let lookedAt = 0;
  return (key) => {
    if (performance.now() - lookedAt > 40) {
      known = new Set(texts().flatMap((text) => (text.includes('complete') ? [keyIn(text)] : [])));
      lookedAt = performance.now();
    }
    return known.has(key);
  };
}

/** Whoever is asked whether to do again what may have happened says no. */
async function decide(load: Load, people: readonly Person[], isOver: () => boolean): Promise<void> {
  const pressed = new Map<string, number>();
  /** Nobody presses a button every moment that shows no effect yet. */
  const isTimeFor = (card: string): boolean =>
    performance.now() - (pressed.get(card) ?? Number.NEGATIVE_INFINITY) > PRESSED_AGAIN_AFTER_MS;
  while (!isOver()) {
    for (const post of load.owner.posts()) {
      if (!post.buttons.some((button) => button.label === 'Deny') || !isTimeFor(post.id)) continue;
      const status = await load.owner
        .press({ conversation: post.conversation }, post, 'Deny')
        .catch(() => 'nobody there');
      if (status !== 'nobody there') pressed.set(post.id, performance.now());
    }
    for (const shown of load.telegram.state.shown) {
      const keys = shown.keyboard?.inline_keyboard.flat() ?? [];
      const person = people.find(({ id }) => id === shown.chat);
      const isOpen = !shown.deleted && keys.some((key) => key.text === 'Deny');
      if (!isOpen || person === undefined || !isTimeFor(String(shown.id))) continue;
      load.telegram.press(shown, person, 'Deny');
      pressed.set(String(shown.id), performance.now());
    }
    await pause(100);
  }
}
