/** One gateway on Telegram and Slack: a request asked on one is decided on the other (E38, F36), every card follows. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FakeModel, startFakeModel } from '../fakes/model-server.ts';
import { buttonsOf, currentBlocks } from '../fakes/slack/people.ts';
import { type Member, type Posted, TOKENS } from '../fakes/slack/state.ts';
import { type FakeSlack, startFakeSlack } from '../fakes/slack-server.ts';
import type { Person, Shown } from '../fakes/telegram/state.ts';
import { type FakeTelegram, startFakeTelegram } from '../fakes/telegram-server.ts';
import { createFolder, type GatewayFolder, type RunningGateway, until } from './support/gateway.ts';
import { DENY, type EventRow, ONCE, OWNER_TOKEN, scripts, sh, type TurnRow } from './support/scenario.ts';
import { labels, wordsOf } from './support/slack.ts';

describe('Telegram and Slack at once', () => {
  let model: FakeModel;
  let telegram: FakeTelegram;
  let slack: FakeSlack;
  let folder: GatewayFolder;
  let gateway: RunningGateway;
  let ana: Person;
  let bo: Member;
  let plan: ReturnType<typeof scripts>;

  beforeAll(async () => {
    model = await startFakeModel();
    telegram = await startFakeTelegram();
    slack = await startFakeSlack();
    ana = telegram.person('Ana');
    bo = slack.member('U0BO', 'Bo');
    telegram.direct(ana);
    folder = createFolder();
    folder.writeConfig(`
server: { port: 0, token: ${OWNER_TOKEN} }
store: { url: "sqlite:data/parley.db" }
channels:
  web: { enabled: false }
  telegram: { token: "${telegram.token}", api_url: "${telegram.url}" }
  slack: { mode: socket, bot_token: ${TOKENS.bot}, app_token: ${TOKENS.app}, api_url: "${slack.apiUrl}" }
access: { approvers: ["telegram:${ana.id}", "slack:${bo.id}"], admins: ["telegram:${ana.id}"] }
approvals: { deliver_to: both }
limits: { messages_per_minute: 10000 }
log: { level: debug }
memory: { enabled: false }
reflection: { enabled: false }
models: { default: { base_url: "${model.url}", api_key: test-model-key, model: scripted, timeout: 10s } }
`);
    gateway = await folder.start();
  });
  afterAll(async () => {
    await gateway.kill();
    for (const server of [model, telegram, slack]) await server.close();
    folder.remove();
  });
  beforeEach(() => {
    plan = scripts({ model });
  });

  /** Cy asks in a group on Telegram; the cards there, in Ana's private chat, and in Bo's private conversation on Slack. */
  async function ask(name: string) {
    const cy = telegram.person('Cy');
    const chat = telegram.group(name, [ana, cy]);
    plan(name, sh(`mkdir ${name}`));
    const id = telegram.say({ chat, from: cy, text: `@parley_test_bot ${name}` });
    const cardIn = (place: number) =>
      until('the card on Telegram', () =>
        telegram.state.shown.find(
          (one) => one.chat === place && one.text.includes(`mkdir ${name}`) && one.keyboard !== undefined,
        ),
      );
    const here = [await cardIn(chat), await cardIn(telegram.direct(ana))] as const;
    const there = await until('the card on Slack', () =>
      slack.state.messages.find(
        (one) => wordsOf(one).includes(`mkdir ${name}`) && labels(one).includes(DENY),
      ),
    );
    return { id, chat, here, there };
  }
  const answered = (chat: number) =>
    until('the answer', () =>
      telegram.state.shown.find((one) => one.chat === chat && one.text.includes('written answer')),
    );
  /** Every copy has lost its buttons and says the same. */
  const settled = (here: readonly Shown[], there: Posted, outcome: string) =>
    until(
      `every card to say "${outcome}"`,
      () =>
        here.every((card) => card.text.includes(outcome) && card.keyboard === undefined) &&
        wordsOf(there).includes(outcome) &&
        labels(there).length === 0,
    );
  async function eventsOf(id: number): Promise<EventRow[]> {
    const turns = await folder.json<TurnRow>('turns', '--json');
    return folder.json('events', turns.find((turn) => turn.messageId === String(id))?.id ?? '', '--json');
  }
  const popup = (query: string) =>
    until('the press on Telegram to be answered', () =>
      telegram.state.answers.find((one) => one.query === query),
    );
  /** After that card. In a private conversation an ordinary message is as private as it gets. */
  const toldOnSlack = (card: Posted, text: string) =>
    until(`Bo to be told "${text}"`, () =>
      slack.state.messages
        .slice(slack.state.messages.indexOf(card) + 1)
        .find((one) => one.channel === card.channel && wordsOf(one).includes(text)),
    );
  const isMade = (name: string) => existsSync(join(folder.path, 'data/workspace', name));

  it('E38, F36: asked on Telegram, approved on Slack: it runs, every card says so, a late press hears who', async () => {
    const { id, chat, here, there } = await ask('made-across');
    expect(there.channel).toBe('D0BO');
    const pressed = { ...here[0] };
    await slack.click(there, ONCE, bo);
    await answered(chat);
    await settled(here, there, 'Approved once by Bo — exit 0');
    expect(isMade('made-across')).toBe(true);
    expect((await eventsOf(id)).find((event) => event.type === 'approval.resolved')).toMatchObject({
      by: 'slack:U0BO',
      decision: 'once',
    });
    const late = await popup(telegram.press(pressed, ana, DENY));
    expect(late.text).toContain('Already decided: Approved once by Bo');
  });

  it('E38, F36: decided on Telegram, a late press on Slack hears in private who decided', async () => {
    const { chat, here, there } = await ask('denied-across');
    const approve = buttonsOf(currentBlocks(there)).find((button) => button.label === ONCE);
    telegram.press(here[1], ana, DENY);
    await answered(chat);
    await settled(here, there, 'Denied by Ana');
    await slack.clickValue(there, approve?.value ?? '', bo);
    await toldOnSlack(there, 'Already decided: Denied by Ana');
    expect(isMade('denied-across')).toBe(false);
  });

  it('E38, F36: of opposite presses on both platforms the first counts, and the other hears who decided', async () => {
    const { id, chat, here, there } = await ask('raced-across');
    const query = telegram.press(here[0], ana, DENY);
    await slack.click(there, ONCE, bo);
    await answered(chat);
    const resolved = (await eventsOf(id)).filter((event) => event.type === 'approval.resolved');
    expect(resolved).toHaveLength(1);
    const isBos = resolved[0]?.by === 'slack:U0BO';
    expect(resolved[0]?.decision).toBe(isBos ? 'once' : 'deny');
    expect(isMade('raced-across')).toBe(isBos);
    const outcome = isBos ? 'Approved once by Bo' : 'Denied by Ana';
    await settled(here, there, outcome);
    // The winner's card is its answer; the other is told, where only they see it.
    if (isBos) expect((await popup(query)).text).toContain(`Already decided: ${outcome}`);
    else await toldOnSlack(there, `Already decided: ${outcome}`);
  });
});
