/** The whole program on Slack: the real SDK, the fake workspace, a scripted model, three people. */
import { type FakeModel, startFakeModel } from '../../fakes/model-server.ts';
import { textsOf } from '../../fakes/slack/blocks.ts';
import { buttonsOf, currentBlocks } from '../../fakes/slack/people.ts';
import { BOT, type Member, type Posted, type Shown, TOKENS } from '../../fakes/slack/state.ts';
import { type FakeSlack, startFakeSlack } from '../../fakes/slack-server.ts';
import {
  createFolder,
  type GatewayFolder,
  type RunningGateway,
  type StartOptions,
  until,
} from './gateway.ts';
import type { EventRow, TurnRow } from './scenario.ts';

export type SlackScenario = {
  readonly model: FakeModel;
  readonly slack: FakeSlack;
  readonly folder: GatewayFolder;
  gateway: RunningGateway;
  /** Ana and Bo may approve; Cy may only talk. */
  readonly ana: Member;
  readonly bo: Member;
  readonly cy: Member;
  /** A channel with all three. */
  readonly general: string;
  turns(): Promise<TurnRow[]>;
  /** The log of the turn that answered a message. */
  eventsOf(ts: string): Promise<EventRow[]>;
  /** The first message of the bot that fits. */
  posted(what: string, fits: (message: Posted) => boolean): Promise<Posted>;
  answer(channel: string, text: string): Promise<Posted>;
  card(channel: string, text: string): Promise<Posted>;
  settled(card: Posted, text: string): Promise<Posted>;
  /** What one person alone was shown. */
  shown(user: Member, text: string): Promise<Shown>;
  restart(): Promise<void>;
  close(): Promise<void>;
};

export type SlackOptions = {
  /** Further lines of the section. */
  readonly section?: string;
  readonly mode?: 'socket' | 'http';
  readonly yaml?: string;
  readonly memory?: boolean;
  readonly reflection?: boolean;
  readonly storeUrl?: string;
  /** How the first gateway is started. */
  readonly start?: StartOptions;
  readonly approvers?: string;
  /** Nobody but the approvers may talk. */
  readonly closed?: boolean;
  /** Before the gateway starts. */
  readonly prepare?: (slack: FakeSlack) => void;
};

const BTW_MODEL = 'aside-model';
export const isAside = (call: { readonly model: string }): boolean => call.model === BTW_MODEL;

export const wordsOf = (message: { readonly text: string; readonly blocks: readonly unknown[] }): string =>
  textsOf(message.blocks).join('\n');

/** What a reader of the channel sees, streams included. */
export const seen = (message: Posted): string =>
  [message.streamed.text, ...textsOf(currentBlocks(message))].join('\n');

export const labels = (message: Posted): string[] =>
  buttonsOf(currentBlocks(message)).map((button) => button.label);

export async function startSlack(options: SlackOptions = {}): Promise<SlackScenario> {
  const model = await startFakeModel();
  const slack = await startFakeSlack();
  const ana = slack.member('U0ANA', 'Ana');
  const bo = slack.member('U0BO', 'Bo');
  const cy = slack.member('U0CY', 'Cy');
  const general = slack.channel('C0GENERAL', [ana, bo, cy]);
  options.prepare?.(slack);
  const folder = createFolder();
  const mode = options.mode ?? 'socket';
  const way = mode === 'socket' ? `app_token: ${TOKENS.app}` : `signing_secret: ${TOKENS.secret}`;
  const approvers = options.approvers ?? '["slack:U0ANA", "slack:U0BO"]';
  folder.writeConfig(`
server: { port: 0, token: owner-token-for-tests }
store: { url: "${options.storeUrl ?? 'sqlite:data/parley.db'}" }
channels:
  web: { enabled: false }
  slack:
    mode: ${mode}
    bot_token: ${TOKENS.bot}
    ${way}
    api_url: ${slack.apiUrl}
${options.section ?? ''}
access: { users: ${options.closed === true ? approvers : '["*"]'}, approvers: ${approvers}, admins: ["slack:U0ANA"] }
limits: { messages_per_minute: 10000 }
log: { level: debug }
memory: { enabled: ${options.memory ?? false} }
reflection: { enabled: ${options.reflection ?? false} }
models:
  default: { base_url: "${model.url}", api_key: test-model-key, model: scripted, timeout: 10s }
  roles: { btw: { model: ${BTW_MODEL} } }
${options.yaml ?? ''}
`);
  const posted: SlackScenario['posted'] = (what, fits) =>
    until(what, () => slack.state.messages.find((one) => one.user === BOT.user && !one.deleted && fits(one)));
  const scenario: SlackScenario = {
    model,
    slack,
    folder,
    gateway: await folder.start(options.start),
    ana,
    bo,
    cy,
    general,
    turns: () => folder.json<TurnRow>('turns', '--json'),
    async eventsOf(ts) {
      const turn = (await scenario.turns()).find((one) => one.messageId.endsWith(`:${ts}`));
      if (turn === undefined) throw new Error(`no turn for message ${ts}`);
      return folder.json<EventRow>('events', turn.id, '--json');
    },
    posted,
    answer: (channel, text) =>
      posted(
        `an answer with "${text}"`,
        (one) =>
          one.channel === channel &&
          !one.streaming &&
          one.metadata !== undefined &&
          wordsOf(one).includes(text),
      ),
    card: (channel, text) =>
      posted(
        `a card with "${text}"`,
        (one) => one.channel === channel && wordsOf(one).includes(text) && labels(one).includes('Deny'),
      ),
    settled: (card, text) =>
      posted(
        `the card to say "${text}"`,
        (one) => one === card && wordsOf(one).includes(text) && labels(one).length === 0,
      ),
    shown: (user, text) =>
      until(`"${text}" for ${user.name} alone`, () =>
        slack.state.ephemerals.find((one) => one.user === user.id && wordsOf(one).includes(text)),
      ),
    async restart() {
      await scenario.gateway.kill();
      scenario.gateway = await folder.start();
      if (mode === 'http') slack.delivery.useHttp(scenario.gateway.url);
    },
    async close() {
      await scenario.gateway.kill();
      await model.close();
      await slack.close();
      folder.remove();
    },
  };
  if (mode === 'http') slack.delivery.useHttp(scenario.gateway.url);
  return scenario;
}
