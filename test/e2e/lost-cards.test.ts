/**
 * Cards that never arrived, are gone, or are there twice, on each platform: F40, and P5 with F8 for a crash or a lost
 * answer between sending a card and recording it.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { buttonsOf } from '../fakes/discord/people.ts';
import { MENTION } from '../fakes/slack/people.ts';
import { BOT } from '../fakes/slack/state.ts';
import { type DiscordScenario, startDiscord } from './support/discord.ts';
import { until } from './support/gateway.ts';
import { DENY, ONCE, sh } from './support/scenario.ts';
import { labels, type SlackScenario, startSlack, wordsOf } from './support/slack.ts';
import { startTelegram, type TelegramScenario } from './support/telegram.ts';

const SOON = 'approvals: { expires_after: 1s, deliver_to: approvers }';
const UNSEEN = 'could not be delivered to anybody';
const GONE = 'is gone. It ended with: Expired without a decision';

function plan(s: { model: TelegramScenario['model'] }): void {
  const steps = [sh('mkdir made-by-card')];
  s.model.script(() => steps.shift() ?? { text: 'written answer' });
}

describe('cards on Telegram', () => {
  let s: TelegramScenario;
  afterEach(() => s.close());

  async function begin(yaml: string, approvers?: string): Promise<number> {
    s = await startTelegram({ yaml, ...(approvers === undefined ? {} : { approvers }) });
    plan(s);
    const group = s.telegram.group('Team', [s.ana, s.bo, s.cy]);
    s.telegram.say({ chat: group, from: s.cy, text: '@parley_test_bot do it' });
    return group;
  }
  const copies = (group: number) =>
    s.telegram.state.shown.filter((one) => one.chat === group && one.text.includes('made-by-card'));

  it('F40: one that reaches no approver is denied at its deadline, and the requester is told', async () => {
    const group = await begin(SOON, '["telegram:99999"]');
    await s.answer(group, UNSEEN);
    await s.answer(group);
    expect((await s.turns()).at(-1)?.status).toBe('done');
  });

  it('F40: one that somebody deleted is denied at its deadline, and the requester is told', async () => {
    const group = await begin('approvals: { expires_after: 1s }');
    (await s.card(group)).deleted = true;
    await s.answer(group, GONE);
    await s.answer(group);
  });

  it('P5, F8: one that was not confirmed comes again, marked; a press on either counts, and both are settled', async () => {
    s = await startTelegram();
    plan(s);
    const group = s.telegram.group('Team', [s.ana, s.bo, s.cy]);
    s.telegram.fail({ method: 'sendMessage', drop: 'after' });
    s.telegram.say({ chat: group, from: s.cy, text: '@parley_test_bot do it' });
    const [first, second] = await until('two copies', () => {
      const all = copies(group);
      return all.length === 2 ? all : undefined;
    });
    if (first === undefined || second === undefined) throw new Error('there are two');
    expect(first.text).not.toContain('repeat');
    expect(second.text).toContain('This may be a repeat');
    // Pressed before it is recorded, the copy that is known is not known yet.
    await until('the second to be recorded', () => s.isDelivered());
    s.telegram.press(first, s.ana, ONCE);
    for (const card of [first, second])
      await until('both to be settled', () => card.text.includes('Approved once by Ana — exit 0'));
    expect([first.keyboard, second.keyboard]).toEqual([undefined, undefined]);
  });

  it('P5, F36: a copy that was never recorded is settled as soon as somebody presses it', async () => {
    s = await startTelegram();
    plan(s);
    const group = s.telegram.group('Team', [s.ana, s.bo, s.cy]);
    s.telegram.fail({ method: 'sendMessage', drop: 'after' });
    s.telegram.say({ chat: group, from: s.cy, text: '@parley_test_bot do it' });
    await until('two copies', () => copies(group).length === 2);
    const [first, second] = copies(group);
    if (first === undefined || second === undefined) throw new Error('there are two');
    s.telegram.press(second, s.ana, DENY);
    await s.answer(group);
    expect(first.keyboard).toBeDefined();
    const query = s.telegram.press(first, s.bo, ONCE);
    await until('the first to be settled', () => first.text.includes('Denied by Ana') && !first.keyboard);
    expect(s.telegram.state.answers.find((one) => one.query === query)?.text).toContain('Denied by Ana');
  });
});

describe('cards on Slack', () => {
  let s: SlackScenario;
  afterEach(() => s.close());
  const copies = () =>
    s.slack.state.messages.filter(
      (one) => one.user === BOT.user && !one.deleted && wordsOf(one).includes('made-by-card'),
    );
  const go = async () => s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} go` }).taken;

  it('F40: one that reaches no approver is denied at its deadline, and the requester is told', async () => {
    s = await startSlack({ yaml: SOON, approvers: '["slack:U0NOBODY"]' });
    plan(s);
    await go();
    await s.answer(s.general, UNSEEN);
    await s.answer(s.general, 'written answer');
  });

  it('F40: one that somebody deleted is denied at its deadline, and the requester is told', async () => {
    s = await startSlack({ yaml: 'approvals: { expires_after: 1s }' });
    plan(s);
    await go();
    (await s.card(s.general, 'made-by-card')).deleted = true;
    await s.answer(s.general, GONE);
    await s.answer(s.general, 'written answer');
  });

  it('P5, F8: killed between sending and recording one, it is found by its mark and not sent again', async () => {
    s = await startSlack({ section: '    stream: false' });
    plan(s);
    s.slack.fail({ method: 'chat.postMessage', drop: 'never' });
    await go();
    await until('the card', () => copies().length === 1);
    const [card] = copies();
    if (card?.thread === undefined) throw new Error('there is one');
    // Behind more than one page of talk in the same thread.
    for (let at = 0; at < 250; at++)
      s.slack.say({ channel: s.general, from: s.bo, text: 'talk', thread: card.thread, unheard: true });
    s.slack.state.messages.splice(s.slack.state.messages.indexOf(card), 1);
    s.slack.state.messages.push(card);
    await s.restart();
    await until('the look-up', () =>
      s.slack.calls('conversations.replies').some((call) => call.cursor !== undefined),
    );
    await s.slack.click(card, ONCE, s.ana);
    await s.settled(card, 'Approved once by Ana — exit 0');
    expect(copies()).toEqual([card]);
  });

  it('P5: where it cannot be looked for, both copies are settled once the first is pressed', async () => {
    s = await startSlack({ section: '    stream: false' });
    plan(s);
    s.slack.state.missing.add('conversations.replies');
    s.slack.fail({ method: 'chat.postMessage', drop: 'after' });
    await go();
    await until('two copies', () => copies().length === 2);
    const [first, second] = copies();
    if (first === undefined || second === undefined) throw new Error('there are two');
    await s.slack.click(second, DENY, s.ana);
    await s.settled(second, 'Denied by Ana');
    expect(labels(first)).toContain(ONCE);
    await s.slack.click(first, ONCE, s.bo);
    await s.settled(first, 'Denied by Ana');
  });
});

describe('cards on Discord', () => {
  let s: DiscordScenario;
  afterEach(() => s.close());

  it('F40: one that reaches no approver is denied at its deadline, and the requester is told', async () => {
    s = await startDiscord({ yaml: SOON });
    plan(s);
    for (const approver of [s.ana, s.bo]) s.discord.world.forbidden.add(s.discord.direct(approver));
    const home = s.discord.direct(s.cy);
    s.discord.say(home, s.cy, 'please');
    await s.answer(home, UNSEEN);
    await s.answer(home);
  });

  it('F40: one that somebody deleted is denied at its deadline, and the requester is told', async () => {
    s = await startDiscord({ yaml: 'approvals: { expires_after: 1s }' });
    plan(s);
    const home = s.discord.direct(s.cy);
    s.discord.say(home, s.cy, 'please');
    const card = await s.card(home);
    expect(buttonsOf(card).length).toBeGreaterThan(0);
    s.discord.remove(card.id);
    await s.answer(home, GONE);
    await s.answer(home);
  });
});
