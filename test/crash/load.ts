/**
 * Many conversations that talk at once on several platforms, whatever happens to the gateway meanwhile. Each message
 * carries a key of its own; every third one makes the agent do something that must happen once.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sqlite, type TestDatabase } from '../e2e/support/database.ts';
import { createFolder, type GatewayFolder, type RunningGateway, until } from '../e2e/support/gateway.ts';
import { OWNER_TOKEN } from '../e2e/support/scenario.ts';
import type { WebClient } from '../e2e/support/web-client.ts';
import { type ScriptedReply, startFakeModel } from '../fakes/model-server.ts';
import {
  type Conversation,
  type Crowd,
  createWebCrowd,
  type Kind,
  startDiscordCrowd,
  startSlackCrowd,
  startTelegramCrowd,
} from './crowds.ts';
import { type LoggedTurn, readLedger } from './ledger.ts';

/** A message that the gateway or the platform has taken. */
export type Sent = { readonly key: string; readonly messageId: string };

export type Talk = Conversation & {
  /** In the order in which they were said. */
  readonly sent: Sent[];
};

export type Load = {
  readonly folder: GatewayFolder;
  readonly owner: WebClient;
  readonly talks: readonly Talk[];
  readonly gateway: RunningGateway;
  /** Another process takes over, where the one before has ended. */
  restart(): Promise<void>;
  /** Everybody begins to talk; stops when told, and resolves once all of it is answered. */
  begin(): { finish(): Promise<void> };
  /** Resolves when as many more answers have come as there are conversations. */
  progress(): Promise<void>;
  /** What tools did, one key a line. */
  effects(): string[];
  turns(): Promise<LoggedTurn[]>;
  close(): Promise<void>;
};

export type LoadOptions = {
  /** Conversations by platform. */
  readonly talks: Readonly<Partial<Record<Kind, number>>>;
  readonly database?: TestDatabase;
};

/** Messages of one conversation that wait for their answer at the same time. */
const OPEN = 3;
const LONGEST_THOUGHT_MS = 120;
const PRESSED_AGAIN_AFTER_MS = 4_000;
/** Leases of what died run out long before. */
export const SETTLED_WITHIN_MS = 120_000;
/** There are thousands of messages in the end: nobody looks through them at every question. */
const LOOK_EVERY_MS = 40;

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

export async function startLoad({ talks: counts, database = sqlite }: LoadOptions): Promise<Load> {
  const model = await startFakeModel();
  model.script((call) => think(call.question, call.messages.at(-1)?.role ?? ''));
  const web = createWebCrowd(counts.web ?? 0);
  const crowds: readonly Crowd[] = [
    web,
    ...(counts.telegram === undefined ? [] : [await startTelegramCrowd(counts.telegram)]),
    ...(counts.discord === undefined ? [] : [await startDiscordCrowd(counts.discord)]),
    ...(counts.slack === undefined ? [] : [await startSlackCrowd(counts.slack)]),
  ];
  const folder = createFolder();
  folder.writeConfig(`
server: { port: 0, token: ${OWNER_TOKEN} }
store: { url: "${await database.url()}" }
channels:
  web: { enabled: true }
${crowds.map(({ section }) => (section === '' ? '' : `  ${section}\n`)).join('')}
access: { users: ["*"], approvers: ${JSON.stringify(crowds.flatMap((crowd) => crowd.approvers))}, admins: ["web:owner"] }
limits: { messages_per_minute: 100000 }
memory: { enabled: false }
reflection: { enabled: false }
tools: { shell: { sandbox: "off" } }
approvals:
  rules: [{ tool: shell, match: { command: "sh -c *" }, decision: allow, after_untrusted: true }]
models:
  default: { base_url: "${model.url}", api_key: test-model-key, model: scripted, timeout: 10s }
`);
  let gateway = await folder.start();
  for (const crowd of crowds) await crowd.meet(gateway.url);
  const talks = crowds.flatMap((crowd) => crowd.conversations().map((one): Talk => ({ ...one, sent: [] })));
  const answered = answersOf(talks);
  return {
    folder,
    talks,
    get owner() {
      return web.owner();
    },
    get gateway() {
      return gateway;
    },
    async restart() {
      gateway = await folder.start();
      for (const crowd of crowds) await crowd.meet(gateway.url);
    },
    begin() {
      let isOver = false;
      let isSettled = false;
      const speakers = talks.map(async (talk, number) => {
        for (let i = 0; !isOver; i++) {
          const key = `k${number}x${i}`;
          talk.sent.push({
            key,
            messageId: await talk.say(i % 3 === 2 ? `act on ${key}` : `ask about ${key}`),
          });
          const room = () => talk.sent.filter((one) => !answered(one.key)).length < OPEN;
          // How long that takes while the gateway is killed again and again is up to the machine.
          await until('room', () => isOver || room(), Number.POSITIVE_INFINITY);
        }
      });
      const decider = decide(crowds, () => isSettled);
      return {
        async finish() {
          isOver = true;
          try {
            await Promise.all(speakers);
            for (const { channel, sent, readable } of talks)
              for (const { key, messageId } of sent)
                await until(
                  `the answer to ${key} on ${channel}`,
                  () => answered(key),
                  SETTLED_WITHIN_MS,
                ).catch(async (error: unknown) => {
                  const turns = await readLedger(folder.path, database);
                  const turn = turns.find((one) => one.messageId === messageId);
                  const texts = readable().filter((text) => text.includes(key));
                  throw new Error(`what is known of it: ${JSON.stringify({ turn, texts })}`, {
                    cause: error,
                  });
                });
          } finally {
            isSettled = true;
            await decider;
          }
        },
      };
    },
    async progress() {
      const count = (): number => talks.flatMap(({ sent }) => sent.filter((one) => answered(one.key))).length;
      const before = count();
      await until('further answers', () => count() >= before + talks.length, SETTLED_WITHIN_MS);
    },
    effects() {
      const file = join(folder.path, 'data/workspace/effects');
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
    },
    turns: () => readLedger(folder.path, database),
    async close() {
      await gateway.kill();
      for (const crowd of crowds) await crowd.close();
      await model.close();
      folder.remove();
    },
  };
}

function answersOf(talks: readonly Conversation[]): (key: string) => boolean {
  let known = new Set<string>();
  let lookedAt = 0;
  return (key) => {
    if (performance.now() - lookedAt > LOOK_EVERY_MS) {
      const texts = talks.flatMap((talk) => talk.finals());
      known = new Set(texts.flatMap((text) => (text.includes('complete') ? [keyIn(text)] : [])));
      lookedAt = performance.now();
    }
    return known.has(key);
  };
}

/** Whoever is asked whether to do again what may have happened says no. */
async function decide(crowds: readonly Crowd[], isOver: () => boolean): Promise<void> {
  const pressed = new Map<string, number>();
  while (!isOver()) {
    // Nobody presses a button every moment that shows no effect yet.
    for (const [number, crowd] of crowds.entries())
      await crowd.deny((card) => {
        const key = `${number} ${card}`;
        const since = performance.now() - (pressed.get(key) ?? Number.NEGATIVE_INFINITY);
        if (since <= PRESSED_AGAIN_AFTER_MS) return false;
        pressed.set(key, performance.now());
        return true;
      });
    await pause(100);
  }
}
