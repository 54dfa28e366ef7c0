/**
 * A31, E53, P8: one gate for every kind of event on each platform. Cy is not listed in `access.users`: nothing Cy
 * writes, edits, presses, asks or reacts with does anything or costs a token, while Ana's work waits beside it.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { MENTION } from '../fakes/slack/people.ts';
import { startDiscord } from './support/discord.ts';
import { until } from './support/gateway.ts';
import { DENY, ONCE, sh, type TurnRow } from './support/scenario.ts';
import { startSlack } from './support/slack.ts';
import { startTelegram } from './support/telegram.ts';

type Under = {
  readonly model: Awaited<ReturnType<typeof startSlack>>['model'];
  turns(): Promise<TurnRow[]>;
  close(): Promise<void>;
};

describe('A31: somebody who is not listed', () => {
  let s: Under;
  afterEach(() => s.close());

  function plan(): void {
    const steps = [sh('mkdir gated')];
    s.model.script(() => steps.shift() ?? { text: 'written answer' });
  }
  async function expectOnlyAnas(): Promise<void> {
    const turns = await s.turns();
    expect(turns.map((turn) => turn.status)).toEqual(['done']);
    expect(s.model.calls).toHaveLength(2);
    expect(s.model.calls.map((call) => call.text).join()).not.toContain('STRANGER');
  }

  it('does nothing on Telegram', async () => {
    const g = await startTelegram({ closed: true });
    s = g;
    plan();
    const group = g.telegram.group('Team', [g.ana, g.bo, g.cy]);
    g.telegram.say({ chat: group, from: g.ana, text: '@parley_test_bot do it' });
    const card = await g.card(group);
    const query = g.telegram.press(card, g.cy, ONCE);
    await until('the refusal', () => g.telegram.state.answers.find((one) => one.query === query));
    const said = g.telegram.say({ chat: group, from: g.cy, text: '@parley_test_bot STRANGER' });
    g.telegram.edit(group, g.cy, said, '@parley_test_bot STRANGER again');
    g.telegram.say({ chat: group, from: g.cy, text: '/stop' });
    g.telegram.say({ chat: group, from: g.cy, text: '/btw STRANGER?', ephemeral: true });
    g.telegram.push({ message_reaction: { chat: { id: group, type: 'supergroup' }, user: g.cy } });
    g.telegram.press(card, g.ana, DENY);
    await g.answer(group);
    await expectOnlyAnas();
  });

  it('does nothing on Slack', async () => {
    const g = await startSlack({ closed: true });
    s = g;
    plan();
    const { ts: thread, taken } = g.slack.say({ channel: g.general, from: g.ana, text: `${MENTION} do it` });
    await taken;
    const card = await g.card(g.general, 'mkdir gated');
    await g.slack.click(card, ONCE, g.cy);
    await g.shown(g.cy, 'You may not do this');
    const strange = { channel: g.general, from: g.cy, thread };
    const said = g.slack.say({ ...strange, text: `${MENTION} STRANGER` });
    await said.taken;
    await g.slack.edit(said.ts, 'STRANGER again');
    await g.slack.say({ ...strange, text: '!stop' }).taken;
    await g.slack.say({ ...strange, text: '!btw STRANGER?' }).taken;
    await g.slack.command(g.general, g.cy, '/btw', 'STRANGER?');
    await g.slack.event({ type: 'reaction_added', user: g.cy.id, item: { type: 'message', ts: thread } });
    await g.slack.click(card, DENY, g.ana);
    await g.answer(g.general, 'written answer');
    await expectOnlyAnas();
  });

  it('does nothing on Discord', async () => {
    const g = await startDiscord({ closed: true });
    s = g;
    plan();
    const asked = g.discord.say(g.general, g.ana, g.at('do it'));
    const card = await g.card(asked);
    g.discord.press(card, g.cy, ONCE);
    await until('the refusal', () =>
      g.discord.ephemeralsOf(g.cy).find((one) => one.content.includes('You may not do this')),
    );
    const said = g.discord.say(asked, g.cy, g.at('STRANGER'));
    g.discord.edit(said, g.at('STRANGER again'));
    g.discord.slash(asked, g.cy, 'stop', '');
    g.discord.slash(asked, g.cy, 'btw', 'STRANGER?');
    g.discord.press(card, g.ana, DENY);
    await g.answer(asked);
    await expectOnlyAnas();
  });
});
