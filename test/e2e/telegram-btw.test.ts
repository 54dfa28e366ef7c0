/** Side questions on Telegram: E49 to E56, P8, A36. Who sees what is read from the platform's own record. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ModelCall, ScriptedReply } from '../fakes/model-server.ts';
import type { Shown } from '../fakes/telegram/state.ts';
import { until } from './support/gateway.ts';
import { asked, gate, idle } from './support/scenario.ts';
import { isAside, startTelegram, type TelegramScenario } from './support/telegram.ts';

describe('/btw on Telegram', () => {
  let s: TelegramScenario;
  let group: number;
  let aside: (call: ModelCall) => ScriptedReply;
  let main: (call: ModelCall) => ScriptedReply;

  beforeAll(async () => {
    s = await startTelegram();
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    main = () => ({ text: 'written answer' });
    aside = () => ({ text: 'side answer' });
    s.model.script((call) => (isAside(call) ? aside(call) : main(call)));
    group = s.telegram.group('Team', [s.ana, s.bo, s.cy]);
    s.telegram.say({ chat: group, from: s.ana, text: '@parley_test_bot start' });
    await s.answer(group);
    await idle(s.folder);
    s.model.reset();
  });

  const wrote = (chat: number, text: string) =>
    s.shown(chat, `a message with "${text}"`, (one: Shown) => one.text.includes(text));
  const seenBy = (person: TelegramScenario['ana']) => JSON.stringify(s.telegram.sees(person));

  it('E55, P8: an ephemeral command in a topic is answered there, edited into the whole answer, to the asker alone', async () => {
    s.telegram.say({ chat: group, from: s.cy, topic: 9, text: '@parley_test_bot in the topic' });
    await until('the answer', () =>
      s.telegram.sees(s.bo).find((one) => one.topic === 9 && one.keyboard === undefined),
    );
    aside = () => ({ text: 'CANARY-ANSWER one\n\n- two' });
    const text = '/btw CANARY-QUESTION first line\nsecond line';
    s.telegram.say({ chat: group, from: s.cy, topic: 9, text, ephemeral: true });
    const shown = await wrote(group, '• two');
    expect(shown).toMatchObject({ receiver: s.cy.id, topic: 9 });
    expect(shown.text).toContain('Aside, only you see this');
    expect(shown.text).toContain('CANARY-QUESTION first line\nsecond line');
    // The placeholder went out before the model answered.
    expect(shown.history.length).toBeGreaterThan(1);
    expect(seenBy(s.cy)).toContain('CANARY-ANSWER');
    expect(seenBy(s.ana) + seenBy(s.bo)).not.toContain('CANARY');
    expect(s.model.calls.filter(isAside)[0]?.body).not.toHaveProperty('tools');
  });

  it('E49, E56: it knows the history, and the next turn knows nothing of it', async () => {
    s.telegram.say({ chat: group, from: s.cy, text: '/btw SIDE-QUESTION?', ephemeral: true });
    await wrote(group, 'side answer');
    expect(s.model.calls[0]?.text).toContain('written answer');
    s.telegram.say({ chat: group, from: s.ana, text: '@parley_test_bot go on' });
    await until('the next turn', () => s.model.calls.some((call) => !isAside(call)));
    expect(JSON.stringify(s.model.calls.at(-1)?.body)).not.toMatch(/SIDE-QUESTION|side answer/);
  });

  it('E50, E74: while a turn runs it is answered before that ends; /stop ends a side question', async () => {
    const door = gate();
    main = () => ({ text: 'slow words here', holdAfterFirst: door.wait });
    s.telegram.say({ chat: group, from: s.ana, text: '@parley_test_bot write the long report' });
    await asked(s, 'write the long report');
    s.telegram.say({ chat: group, from: s.cy, text: '/btw what are you doing?', ephemeral: true });
    await wrote(group, 'side answer');
    expect(s.model.calls.find(isAside)?.text).toContain('write the long report');
    const never = gate();
    aside = () => ({ text: 'never ends', holdAfterFirst: never.wait });
    s.telegram.say({ chat: group, from: s.bo, text: '/btw long one?', ephemeral: true });
    const call = await until('the second question', () => s.model.calls.filter(isAside)[1]);
    s.telegram.say({ chat: group, from: s.bo, text: '/stop' });
    await call.aborted;
    expect((await wrote(group, 'Stopped.')).receiver).toBe(s.bo.id);
    never.open();
    door.open();
  });

  it('A36: typed for all to see where the bot is no admin, the answer comes in the private chat, else an invitation', async () => {
    aside = () => ({ text: 'CANARY-PRIVATE' });
    s.telegram.say({ chat: group, from: s.bo, text: '/btw@parley_test_bot a question?' });
    const invitation = await wrote(group, 't.me/parley_test_bot?start=btw');
    expect(invitation.text).not.toContain('a question');
    expect(s.model.calls).toHaveLength(0);
    const home = s.telegram.direct(s.bo);
    s.telegram.say({ chat: home, from: s.bo, text: '/start btw' });
    await wrote(home, '/btw');
    expect(s.model.calls).toHaveLength(0);
    s.telegram.say({ chat: group, from: s.bo, text: '@parley_test_bot /btw a question?' });
    const answer = await wrote(home, 'CANARY-PRIVATE');
    expect(answer.text).toContain('Aside, only you see this');
    expect(seenBy(s.ana) + seenBy(s.cy)).not.toContain('CANARY-PRIVATE');
  });

  it('where the bot is an admin, a typed question is answered ephemerally too', async () => {
    s.telegram.state.admin.add(group);
    s.telegram.say({ chat: group, from: s.cy, text: '/btw hm?' });
    expect((await wrote(group, 'side answer')).receiver).toBe(s.cy.id);
  });

  it('A36: somebody who has left the group is told nothing of it', async () => {
    s.telegram.direct(s.cy);
    s.telegram.leave(group, s.cy);
    s.telegram.say({ chat: group, from: s.cy, text: '/btw what did they say?' });
    await until('the refusal', () => s.gateway.output().includes('no member of the group'));
    expect(s.model.calls).toHaveLength(0);
  });

  it('E53, E54: no question gives the usage; a broken stream one error line, to the asker alone', async () => {
    s.telegram.say({ chat: group, from: s.cy, text: '/btw', ephemeral: true });
    expect((await wrote(group, 'Usage: /btw QUESTION')).receiver).toBe(s.cy.id);
    aside = () => ({ text: 'half an answer', unfinished: true });
    s.telegram.say({ chat: group, from: s.cy, text: '/btw well?', ephemeral: true });
    const error = await wrote(group, '(ref ');
    expect(error.receiver).toBe(s.cy.id);
    expect(error.text).not.toContain('half');
  });

  it('in a private chat the answer stands in the chat', async () => {
    const home = s.telegram.direct(s.ana);
    s.telegram.say({ chat: home, from: s.ana, text: 'context' });
    await s.answer(home);
    s.telegram.say({ chat: home, from: s.ana, text: '/btw private one?' });
    expect((await wrote(home, 'side answer')).text).toContain('Aside, only you see this');
  });
});
