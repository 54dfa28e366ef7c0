/** What most end-to-end tests need: a scripted model, a gateway on SQLite, a signed-in owner. */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import {
  type FakeModel,
  type ModelCall,
  type ScriptedReply,
  startFakeModel,
} from '../../fakes/model-server.ts';
import {
  createFolder,
  type GatewayFolder,
  type RunningGateway,
  type StartOptions,
  until,
} from './gateway.ts';
import { type Place, signIn, textOf, type WebClient } from './web-client.ts';

/** At least 16 characters, as the configuration demands. */
export const OWNER_TOKEN = 'owner-token-for-tests';
export const BO_TOKEN = 'bo-token-for-the-tests';
export const CY_TOKEN = 'cy-token-for-the-tests';

export type Row = Readonly<Record<string, unknown>>;
export type TurnRow = Row & {
  id: string;
  status: string;
  session: string;
  errorCode: string | null;
  messageId: string;
};
export type EventRow = Row & { seq: number; type: string; index?: number };

export type Scenario = {
  readonly model: FakeModel;
  readonly folder: GatewayFolder;
  gateway: RunningGateway;
  owner: WebClient;
  as(token: string): Promise<WebClient>;
  turns(): Promise<TurnRow[]>;
  /** The log of the turn that answered a message. */
  eventsOf(messageId: string): Promise<EventRow[]>;
  restart(options?: StartOptions): Promise<void>;
  close(): Promise<void>;
};

export type ScenarioOptions = {
  /** Merged into the file as further top-level YAML. */
  readonly yaml?: string;
  /** Lines under `models.default`. */
  readonly model?: string;
  /** Longest silence of the model. */
  readonly timeout?: string;
  readonly perMinute?: number;
  /** Further keys of the section. */
  readonly limits?: string;
  readonly storeUrl?: string;
  readonly approvers?: string;
  /** Accounts that belong to one person. */
  readonly people?: string;
  /** Off unless asked for: each turn would make one more call of the model. */
  readonly memory?: boolean;
  /** The section, off by default: it asks the model after each turn. */
  readonly reflection?: string;
};

export function configText(modelUrl: string, options: ScenarioOptions = {}): string {
  return `
server: { port: 0, token: ${OWNER_TOKEN} }
store: { url: "${options.storeUrl ?? 'sqlite:data/parley.db'}" }
channels: { web: { users: { bo: ${BO_TOKEN}, cy: ${CY_TOKEN} } } }
access: { approvers: ${options.approvers ?? '["web:owner", "web:bo"]'}, admins: ["web:owner"], people: ${options.people ?? '{}'} }
limits: { messages_per_minute: ${options.perMinute ?? 10_000}${options.limits === undefined ? '' : `, ${options.limits}`} }
log: { level: debug }
memory: { enabled: ${options.memory ?? false} }
reflection: ${options.reflection ?? '{ enabled: false }'}
models:
  default:
    base_url: ${modelUrl}
    api_key: test-model-key
    model: scripted
    timeout: ${options.timeout ?? '10s'}
${options.model ?? ''}
${options.yaml ?? ''}
`;
}

export async function startScenario(options: ScenarioOptions = {}): Promise<Scenario> {
  const model = await startFakeModel();
  const folder = createFolder();
  folder.writeConfig(configText(model.url, options));
  const gateway = await folder.start();
  const owner = await signIn(gateway.url, OWNER_TOKEN);
  const clients = new Set<WebClient>([owner]);
  const scenario: Scenario = {
    model,
    folder,
    gateway,
    owner,
    async as(token) {
      const client = await signIn(scenario.gateway.url, token);
      clients.add(client);
      return client;
    },
    turns: () => folder.json<TurnRow>('turns', '--json'),
    async eventsOf(messageId) {
      const turn = (await scenario.turns()).find((one) => one.messageId === messageId);
      if (turn === undefined) throw new Error(`no turn for message ${messageId}`);
      return folder.json<EventRow>('events', turn.id, '--json');
    },
    async restart(start = {}) {
      await scenario.gateway.kill();
      scenario.gateway = await folder.start(start);
      for (const client of clients) await client.reconnect(scenario.gateway.url);
    },
    async close() {
      for (const client of clients) client.close();
      await scenario.gateway.kill();
      await model.close();
      folder.remove();
    },
  };
  return scenario;
}

/** A gate a scripted answer waits at. */
export function gate(): { readonly wait: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: promise, open: () => resolve() };
}

export const types = (events: readonly EventRow[]): string[] => events.map((event) => event.type);

/** The call in which the model was asked this, whatever else it is asked meanwhile. */
export const asked = ({ model }: Pick<Scenario, 'model'>, words: string): Promise<ModelCall> =>
  until(`the model to be asked "${words}"`, () => model.calls.find((call) => call.question.includes(words)));

/** Running processes with this among their arguments, also those in a namespace of their own. */
export function processesWith(argument: string): string[] {
  const commandOf = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      // It has ended since it was listed.
      return '';
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandOf(name).includes(argument));
}

/** The words on the buttons. */
export const ONCE = 'Approve once';
export const ALWAYS = 'Always allow this';
export const DENY = 'Deny';

/** A model answer that runs commands. */
export const sh = (...commands: string[]): ScriptedReply => ({
  toolCalls: commands.map((command) => ({ name: 'shell', args: { command } })),
});

/** Each conversation follows its own list of answers, whatever runs beside it. */
export function scripts(s: Pick<Scenario, 'model'>) {
  const plans = new Map<string, ScriptedReply[]>();
  s.model.script((call: ModelCall) => {
    const key = [...plans.keys()].find((one) => call.text.includes(one));
    return plans.get(key ?? '')?.shift() ?? { text: 'written answer' };
  });
  return (key: string, ...replies: ScriptedReply[]): void => void plans.set(key, replies);
}

export const toolResults = (events: readonly EventRow[]): EventRow[] =>
  events.filter((event) => event.type === 'tool.finished');

export const freshPlace = (scenario: Scenario): Promise<Place> =>
  scenario.owner.createConversation('Test', false);

/** Posts as the owner; resolves to the answer and the log of its turn. */
export async function ask(
  scenario: Scenario,
  place: Place,
  text: string,
): Promise<{ answer: string; events: EventRow[] }> {
  const answer = await scenario.owner.answerTo(place, text);
  const own = scenario.owner.posts().findLast((post) => post.text === text);
  return { answer: textOf(answer.html), events: await scenario.eventsOf(own?.id ?? '') };
}

/** Waits until no turn is under way, so that a test that counts calls of the model sees none of an earlier one. */
export async function idle(folder: GatewayFolder): Promise<void> {
  const database = new Database(join(folder.path, 'data/parley.db'), { readonly: true });
  const open = database
    .prepare(
      `SELECT message_id FROM turns WHERE status = 'running' OR (status = 'queued' AND claimable_at IS NOT NULL)`,
    )
    .pluck();
  await until('the turns of earlier tests to end', () => open.all().length === 0);
  database.close();
}

/**
 * Waits until the store knows of every delivery that it is out. A process killed before that sends again, which is
 * right (P5), and not what a test of something else wants to meet.
 */
export async function recorded(folder: GatewayFolder): Promise<void> {
  const database = new Database(join(folder.path, 'data/parley.db'), { readonly: true });
  const open = database.prepare('SELECT count(*) FROM outbox WHERE claimable_at IS NOT NULL').pluck();
  await until('all deliveries to be recorded', () => open.get() === 0);
  database.close();
}

/** Returns once another configuration is in force. */
export async function reloadTo(s: Scenario, options: ScenarioOptions): Promise<void> {
  const text = configText(s.model.url, options);
  const revision = createHash('sha256').update(text).digest('hex').slice(0, 12);
  s.folder.writeConfig(text);
  s.gateway.signal('SIGHUP');
  // The latest line about it: the same text may have been in force before.
  await until('the reload', () =>
    s.gateway
      .output()
      .split('\n')
      .findLast((line) => line.includes('configuration reloaded'))
      ?.includes(revision),
  );
}
