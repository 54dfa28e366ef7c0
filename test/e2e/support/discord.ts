/** The whole program on Discord: discord.js' own layers, the fake platform, a scripted model, three people. */
import { buttonsOf } from '../../fakes/discord/people.ts';
import type { Message, Person } from '../../fakes/discord/world.ts';
import { type FakeDiscord, startFakeDiscord } from '../../fakes/discord-server.ts';
import { type FakeModel, startFakeModel } from '../../fakes/model-server.ts';
import {
  createFolder,
  type GatewayFolder,
  type RunningGateway,
  type StartOptions,
  until,
} from './gateway.ts';
import type { EventRow, TurnRow } from './scenario.ts';

export type DiscordScenario = {
  readonly model: FakeModel;
  readonly discord: FakeDiscord;
  readonly folder: GatewayFolder;
  gateway: RunningGateway;
  /** Ana and Bo may approve; Cy may only talk. */
  readonly ana: Person;
  readonly bo: Person;
  readonly cy: Person;
  /** A text channel of the server. */
  readonly general: string;
  /** Text that mentions the bot. */
  at(text: string): string;
  turns(): Promise<TurnRow[]>;
  eventsOf(messageId: string): Promise<EventRow[]>;
  /** The first message of the bot in a channel that fits. */
  shown(channel: string, what: string, fits: (message: Message) => boolean): Promise<Message>;
  card(channel: string, text?: string): Promise<Message>;
  /** A message without buttons that contains the text. */
  answer(channel: string, text?: string): Promise<Message>;
  restart(): Promise<void>;
  close(): Promise<void>;
};

export type DiscordOptions = {
  /** Further lines of the section. */
  readonly section?: string;
  readonly yaml?: string;
  readonly memory?: boolean;
  readonly reflection?: boolean;
  readonly storeUrl?: string;
  /** How the first gateway is started. */
  readonly start?: StartOptions;
  readonly web?: boolean;
  readonly approvers?: string;
  /** Nobody but the approvers may talk. */
  readonly closed?: boolean;
};

const BTW_MODEL = 'aside-model';
export const isAside = (call: { readonly model: string }): boolean => call.model === BTW_MODEL;

export async function startDiscord(options: DiscordOptions = {}): Promise<DiscordScenario> {
  const model = await startFakeModel();
  const discord = await startFakeDiscord();
  const { world } = discord;
  const [ana, bo, cy] = [world.addPerson('Ana'), world.addPerson('Bo'), world.addPerson('Cy')];
  const general = world.addChannel(0, 'general').id;
  const folder = createFolder();
  const approvers = options.approvers ?? `["discord:${ana.id}", "discord:${bo.id}"]`;
  folder.writeConfig(`
server: { port: 0, token: owner-token-for-tests }
store: { url: "${options.storeUrl ?? 'sqlite:data/parley.db'}" }
channels:
  web: { enabled: ${options.web ?? false} }
  discord:
    token: "${world.token}"
    api_url: ${discord.url}
${options.section ?? ''}
access: { users: ${options.closed === true ? approvers : '["*"]'}, approvers: ${approvers}, admins: ["discord:${ana.id}"] }
limits: { messages_per_minute: 10000 }
log: { level: debug }
memory: { enabled: ${options.memory ?? false} }
reflection: { enabled: ${options.reflection ?? false} }
models:
  default: { base_url: "${model.url}", api_key: test-model-key, model: scripted, timeout: 10s }
  roles: { btw: { model: ${BTW_MODEL} } }
${options.yaml ?? ''}
`);
  const shown: DiscordScenario['shown'] = (channel, what, fits) =>
    until(what, () => discord.posts(channel).find(fits));
  const isCard = (one: Message) => buttonsOf(one).some((button) => button.label === 'Deny');
  const scenario: DiscordScenario = {
    model,
    discord,
    folder,
    gateway: await folder.start(options.start),
    ana,
    bo,
    cy,
    general,
    at: (text) => `<@${world.bot.id}> ${text}`,
    turns: () => folder.json<TurnRow>('turns', '--json'),
    async eventsOf(messageId) {
      const turn = (await scenario.turns()).find((one) => one.messageId === messageId);
      if (turn === undefined) throw new Error(`no turn for message ${messageId}`);
      return folder.json<EventRow>('events', turn.id, '--json');
    },
    shown,
    card: (channel, text = '') =>
      shown(channel, `a card with "${text}"`, (one) => isCard(one) && one.content.includes(text)),
    answer: (channel, text = 'written answer') =>
      shown(
        channel,
        `an answer with "${text}"`,
        (one) => one.content.includes(text) && one.components.length === 0,
      ),
    async restart() {
      await scenario.gateway.kill();
      scenario.gateway = await folder.start();
    },
    async close() {
      await scenario.gateway.kill();
      await model.close();
      await discord.close();
      folder.remove();
    },
  };
  return scenario;
}
