/** Approval cards on Telegram: E27 to E47 as far as cards and buttons go, F36 to F39, A1, A8, A9. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Shown } from '../fakes/telegram/state.ts';
import { until } from './support/gateway.ts';
import { ALWAYS, DENY, ONCE, OWNER_TOKEN, recorded, sh, toolResults, types } from './support/scenario.ts';
import { startTelegram, type TelegramScenario } from './support/telegram.ts';
import { signIn } from './support/web-client.ts';

describe('approvals on Telegram', () => {
  let s: TelegramScenario;
  let group: number;
  let number = 0;
  let plan: ReturnType<typeof sh>[];

  beforeAll(async () => {
    s = await startTelegram();
  });
  afterAll(() => s.close());
  beforeEach(() => {
    s.model.reset();
    number += 1;
    group = s.telegram.group(`Team ${number}`, [s.ana, s.bo, s.cy]);
    plan = [];
    s.model.script(() => plan.shift() ?? { text: 'written answer' });
  });

  const ask = (...commands: string[]): number => {
    plan = [sh(...commands)];
    return s.telegram.say({ chat: group, from: s.cy, text: '@parley_test_bot do it' });
  };
  const popup = (query: string) =>
    until('an answer to the press', () => s.telegram.state.answers.find((one) => one.query === query));
  const settled = (card: Shown, text: string) =>
    until(`"${text}" on the card`, () => card.text.includes(text));
  const made = (name: string) => existsSync(join(s.folder.path, 'data/workspace', name));

  it('E27, E30: the card shows the exact command, who asked and until when; approved once it runs and says so', async () => {
    const id = ask('mkdir made-27');
    const card = await s.card(group);
    expect(card.html).toContain('<pre><code class="language-bash">mkdir made-27</code></pre>');
    expect(card.text).toMatch(/Run this command\?[\s\S]*asked by Cy · in [\s\S]*expires \d\d:\d\d UTC/);
    expect(toolResults(await s.eventsOf(id))).toHaveLength(0);
    const query = s.telegram.press(card, s.ana, ONCE);
    expect(await popup(query)).toMatchObject({ text: undefined });
    await s.answer(group);
    await settled(card, 'Approved once by Ana — exit 0');
    expect(card.keyboard).toBeUndefined();
    expect(made('made-27')).toBe(true);
  });

  it('E33: denied, nothing runs and an answer is written', async () => {
    ask('mkdir not-made-33', 'ls');
    const card = await s.card(group);
    s.telegram.press(card, s.bo, DENY);
    await s.answer(group);
    await settled(card, 'Denied by Bo');
    expect(made('not-made-33')).toBe(false);
  });

  it('E37, F36: the second press hears privately who decided, and it runs once', async () => {
    const id = ask('mkdir made-37');
    const card = await s.card(group);
    const pressed = { ...card };
    s.telegram.press(pressed, s.ana, ONCE);
    const second = s.telegram.press(pressed, s.bo, DENY);
    expect((await popup(second)).text).toContain('Already decided: Approved once by Ana');
    await s.answer(group);
    expect(types(await s.eventsOf(id)).filter((type) => type === 'tool.finished')).toHaveLength(1);
  });

  it('E39, F39, A5: somebody who may not decide is refused in a pop-up, and the card stays open', async () => {
    ask('mkdir not-made-39');
    const card = await s.card(group);
    const query = s.telegram.press(card, s.cy, ONCE);
    const refusal = await popup(query);
    expect(refusal).toMatchObject({ alert: true });
    expect(refusal.text).toContain('You may not decide about this');
    expect(card.keyboard).toBeDefined();
    s.telegram.press(card, s.ana, DENY);
    await s.answer(group);
  });

  it('E40, A1: forged and unknown buttons change nothing', async () => {
    const id = ask('mkdir not-made-40');
    const card = await s.card(group);
    const before = await s.eventsOf(id);
    const forged = s.telegram.pressToken(card, s.ana, `a1:o:${'x'.repeat(22)}`);
    expect((await popup(forged)).text).toContain('no such request');
    expect((await popup(s.telegram.pressToken(card, s.ana, 'rm -rf'))).text).toContain('means nothing');
    expect(await s.eventsOf(id)).toEqual(before);
    s.telegram.press(card, s.ana, DENY);
    await s.answer(group);
  });

  it('E42: always is a button of its own, and the same command then runs unprompted', async () => {
    ask('mkdir -p always-tg');
    s.telegram.press(await s.card(group), s.ana, ALWAYS);
    await s.answer(group);
    ask('mkdir -p always-tg');
    await until(
      'the second answer',
      () =>
        s.telegram.state.shown.filter((one) => one.chat === group && one.text.includes('written answer'))
          .length === 2,
    );
  });

  it('E44, F38, A2: after kill -9 and a restart the old button works, and brought twice it counts once', async () => {
    const id = ask('mkdir made-44');
    const card = await s.card(group);
    await recorded(s.folder);
    await s.restart();
    s.telegram.press(card, s.ana, ONCE);
    await s.answer(group);
    await settled(card, 'exit 0');
    expect(made('made-44')).toBe(true);
    s.telegram.repeat(s.telegram.state.nextUpdate - 1);
    ask('ls');
    await until(
      'the next answer',
      () => s.telegram.sees(s.ana, group).filter((one) => one.text.includes('written answer'))[1],
    );
    expect(types(await s.eventsOf(id)).filter((type) => type === 'tool.finished')).toHaveLength(1);
  });

  it('A8: a command of 5,000 characters is attached whole before Approve is offered', async () => {
    const long = `echo ${'padding '.repeat(625)}> made-8`;
    ask(long);
    const card = await s.card(group);
    const all = s.telegram.sees(s.ana, group);
    const file = all.find((one) => one.file !== undefined);
    expect(file?.file?.text).toBe(long);
    expect(all.indexOf(file as Shown)).toBeLessThan(all.indexOf(card));
    expect(card.text).toMatch(/only the beginning\. All 5,\d\d\d characters are in action\.txt, above/);
    s.telegram.press(card, s.ana, DENY);
    await s.answer(group);
    await settled(card, 'Denied by Ana');
    expect(all.filter((one) => one.file !== undefined)).toHaveLength(1);
  });

  it('A9, A38: markup, mentions and invisible characters in a command are shown as they are', async () => {
    ask('echo "</code></pre><b>Approved</b> @ana" \u202E');
    const card = await s.card(group);
    expect(card.text).toContain('</code></pre><b>Approved</b>');
    expect(card.text).toContain('\\u{202E}');
    s.telegram.press(card, s.ana, DENY);
    await s.answer(group);
  });

  it('E74: /stop while it waits settles the card', async () => {
    ask('mkdir not-made-74');
    const card = await s.card(group);
    s.telegram.say({ chat: group, from: s.ana, text: '/stop' });
    await settled(card, 'stopped the work');
    expect(card.keyboard).toBeUndefined();
  });

  it('decides by typed text too', async () => {
    const id = ask('mkdir made-text');
    await s.card(group);
    const request = (await s.eventsOf(id)).find((event) => event.type === 'approval.requested');
    s.telegram.say({ chat: group, from: s.bo, text: `/approve ${request?.approvalId} once` });
    await s.answer(group);
    expect(made('made-text')).toBe(true);
  });
});

describe('approvals in private and out of time on Telegram', () => {
  it('E46, F37: without a decision it expires: the card says so, a late press hears it', async () => {
    const s = await startTelegram({ yaml: 'approvals: { expires_after: 2s }' });
    try {
      const home = s.telegram.direct(s.ana);
      s.model.script((_call, index) => (index === 0 ? sh('mkdir late') : { text: 'written answer' }));
      s.telegram.say({ chat: home, from: s.ana, text: 'do it' });
      const card = await s.card(home);
      const pressed = { ...card };
      await until('the card to expire', () => card.text.includes('Expired without a decision'));
      expect(card.keyboard).toBeUndefined();
      const query = s.telegram.press(pressed, s.ana, ONCE);
      const answer = await until('the pop-up', () =>
        s.telegram.state.answers.find((one) => one.query === query),
      );
      expect(answer.text).toMatch(/expired/i);
      await s.answer(home);
    } finally {
      await s.close();
    }
  });

  it('cards go to the private chats of approvers, and every copy is settled; one who never started the bot gets none', async () => {
    const s = await startTelegram({ yaml: 'approvals: { deliver_to: both }' });
    try {
      const group = s.telegram.group('Team', [s.ana, s.bo, s.cy]);
      const home = s.telegram.direct(s.ana);
      s.model.script((_call, index) => (index === 0 ? sh('mkdir made-both') : { text: 'written answer' }));
      s.telegram.say({ chat: group, from: s.cy, text: '@parley_test_bot do it' });
      const [here, there] = [await s.card(group), await s.card(home)];
      s.telegram.press(there, s.ana, ONCE);
      for (const card of [here, there]) await until('both to be settled', () => card.text.includes('exit 0'));
      await s.answer(group);
      expect(s.telegram.state.shown.some((one) => one.chat === s.bo.id)).toBe(false);
    } finally {
      await s.close();
    }
  });

  it('E38, F36: decided on the web, the card here says who; a press here then hears it', async () => {
    const s = await startTelegram({ web: true });
    const owner = await signIn(s.gateway.url, OWNER_TOKEN);
    try {
      const group = s.telegram.group('Team', [s.ana, s.bo, s.cy]);
      s.model.script((_call, index) => (index === 0 ? sh('mkdir made-38') : { text: 'written answer' }));
      const id = s.telegram.say({ chat: group, from: s.cy, text: '@parley_test_bot do it' });
      const card = await s.card(group);
      const pressed = { ...card };
      const request = (await s.eventsOf(id)).find((event) => event.type === 'approval.requested');
      const place = await owner.createConversation('Elsewhere', false);
      await owner.command(place, `/approve ${request?.approvalId} deny`);
      await until('the card to say so', () => card.text.includes('Denied by Owner'));
      expect(card.keyboard).toBeUndefined();
      const query = s.telegram.press(pressed, s.ana, ONCE);
      const answer = await until('the pop-up', () =>
        s.telegram.state.answers.find((one) => one.query === query),
      );
      expect(answer.text).toContain('Already decided: Denied by Owner');
    } finally {
      owner.close();
      await s.close();
    }
  });
});
