/** The whole program on Telegram: the real SDK, the fake platform, a scripted model, three people. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type FakeModel, startFakeModel } from '../../fakes/model-server.ts';
import type { Person, Shown } from '../../fakes/telegram/state.ts';
import { type FakeTelegram, startFakeTelegram } from '../../fakes/telegram-server.ts';
import {
  createFolder,
  type GatewayFolder,
  type RunningGateway,
  type StartOptions,
  until,
} from './gateway.ts';
import { type EventRow, OWNER_TOKEN, type TurnRow } from './scenario.ts';

export type TelegramScenario = {
  readonly model: FakeModel;
  readonly telegram: FakeTelegram;
  readonly folder: GatewayFolder;
  gateway: RunningGateway;
  /** Ana and Bo may approve; Cy may only talk. */
  readonly ana: Person;
  readonly bo: Person;
  readonly cy: Person;
  turns(): Promise<TurnRow[]>;
  eventsOf(messageId: number): Promise<EventRow[]>;
  /** The first message of the bot in a chat that fits. */
  shown(chat: number, what: string, fits: (shown: Shown) => boolean): Promise<Shown>;
  card(chat: number, text?: string): Promise<Shown>;
  answer(chat: number, text?: string): Promise<Shown>;
  /** Nothing waits to be sent or recorded. */
  isDelivered(): boolean;
  restart(): Promise<void>;
  close(): Promise<void>;
};

export type TelegramOptions = {
  /** Further lines of the section. */
  readonly section?: string;
  readonly yaml?: string;
  readonly memory?: boolean;
  readonly reflection?: boolean;
  readonly storeUrl?: string;
  /** How the first gateway is started. */
  readonly start?: StartOptions;
  /** The web chat beside it; its owner may approve too. */
  readonly web?: boolean;
  readonly approvers?: string;
  /** Nobody but the approvers may talk. */
  readonly closed?: boolean;
};

const BTW_MODEL = 'aside-model';
export const isAside = (call: { readonly model: string }): boolean => call.model === BTW_MODEL;

function pendingDeliveries(path: string): number {
  const database = new Database(join(path, 'data/parley.db'), { readonly: true });
  try {
    return Number(database.prepare(`SELECT count(*) FROM outbox WHERE status = 'pending'`).pluck().get());
  } finally {
    database.close();
  }
}

export async function startTelegram(options: TelegramOptions = {}): Promise<TelegramScenario> {
  const model = await startFakeModel();
  const telegram = await startFakeTelegram();
  const [ana, bo, cy] = [telegram.person('Ana'), telegram.person('Bo'), telegram.person('Cy')];
  const folder = createFolder();
  const approvers = options.approvers ?? `["telegram:${ana.id}", "telegram:${bo.id}", "web:owner"]`;
  folder.writeConfig(`
server: { port: 0, token: ${OWNER_TOKEN} }
store: { url: "${options.storeUrl ?? 'sqlite:data/parley.db'}" }
channels:
  web: { enabled: ${options.web ?? false} }
  telegram:
    token: "${telegram.token}"
    api_url: ${telegram.url}
${options.section ?? ''}
access: { users: ${options.closed === true ? approvers : '["*"]'}, approvers: ${approvers}, admins: ["telegram:${ana.id}"] }
limits: { messages_per_minute: 10000 }
log: { level: debug }
memory: { enabled: ${options.memory ?? false} }
reflection: { enabled: ${options.reflection ?? false} }
models:
  default: { base_url: "${model.url}", api_key: test-model-key, model: scripted, timeout: 10s }
  roles: { btw: { model: ${BTW_MODEL} } }
${options.yaml ?? ''}
`);
  const shown: TelegramScenario['shown'] = (chat, what, fits) =>
    until(what, () => telegram.state.shown.find((one) => one.chat === chat && !one.deleted && fits(one)));
  const isCard = (one: Shown) =>
    one.keyboard?.inline_keyboard.flat().some((key) => key.text === 'Deny') === true;
  const scenario: TelegramScenario = {
    model,
    telegram,
    folder,
    gateway: await folder.start(options.start),
    ana,
    bo,
    cy,
    turns: () => folder.json<TurnRow>('turns', '--json'),
    async eventsOf(messageId) {
      const turn = (await scenario.turns()).find((one) => one.messageId === String(messageId));
      if (turn === undefined) throw new Error(`no turn for message ${messageId}`);
      return folder.json<EventRow>('events', turn.id, '--json');
    },
    shown,
    card: (chat, text = '') =>
      shown(chat, `a card with "${text}"`, (one) => isCard(one) && one.text.includes(text)),
    answer: (chat, text = 'written answer') =>
      shown(chat, `an answer with "${text}"`, (one) => one.text.includes(text) && one.keyboard === undefined),
    isDelivered: () => pendingDeliveries(folder.path) === 0,
    async restart() {
      // Killed earlier, it would send a second copy of what it has not recorded yet: that is another test.
      await until('deliveries to be recorded', () => scenario.isDelivered());
      await scenario.gateway.kill();
      scenario.gateway = await folder.start();
    },
    async close() {
      await scenario.gateway.kill();
      await model.close();
      await telegram.close();
      folder.remove();
    },
  };
  return scenario;
}
