/** Conversations on Telegram through the real program and the real SDK: E2, E16 to E18, E75, F12, F13. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from './support/gateway.ts';
import { asked, gate, idle } from './support/scenario.ts';
import { startTelegram, type TelegramScenario } from './support/telegram.ts';

describe('Telegram', () => {
  let s: TelegramScenario;
  let home: number;

  beforeAll(async () => {
    s = await startTelegram();
    home = s.telegram.direct(s.ana);
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
    s.model.script((call) => ({ text: `written answer to ${call.question.trim().split('\n')[0]}` }));
  });

  it('E2: a private message is answered, and its turn names author, place and text', async () => {
    const id = s.telegram.say({ chat: home, from: s.ana, text: 'hello there' });
    const answer = await s.answer(home, 'hello there');
    expect(answer.text).toBe('written answer to hello there');
    const [started] = await s.eventsOf(id);
    expect(started).toMatchObject({
      type: 'turn.started',
      author: `telegram:${s.ana.id}`,
      channel: 'telegram',
      message: { text: 'hello there', direct: true, where: { account: '4242', conversation: String(home) } },
    });
  });

  it('E16: the next message knows the one before', async () => {
    s.telegram.say({ chat: home, from: s.ana, text: 'second question' });
    await s.answer(home, 'second question');
    expect(s.model.calls.at(-1)?.text).toContain('hello there');
  });

  it('in groups only mentions and replies to the bot count, answered as a reply; a topic is its own session', async () => {
    const group = s.telegram.group('Team', [s.ana, s.bo, s.cy]);
    s.telegram.say({ chat: group, from: s.bo, text: 'just chatting' });
    const asked = s.telegram.say({ chat: group, from: s.bo, text: '@parley_test_bot what is new?' });
    const first = await s.answer(group, 'what is new?');
    expect(first.replyTo).toBe(asked);
    expect(s.model.calls).toHaveLength(1);
    expect(s.model.calls[0]?.question).not.toContain('@parley_test_bot');
    const replyTo = { id: first.id, from: s.telegram.state.bot, text: first.text };
    s.telegram.say({ chat: group, from: s.cy, text: 'and then?', replyTo });
    await s.answer(group, 'and then?');
    expect(s.model.calls.at(-1)?.text).toContain(first.text);
    s.telegram.say({ chat: group, from: s.cy, topic: 77, text: '@parley_test_bot in the topic' });
    const inTopic = await s.answer(group, 'in the topic');
    expect(inTopic.topic).toBe(77);
    // A topic in which it was mentioned is followed.
    s.telegram.say({ chat: group, from: s.cy, topic: 77, text: 'no mention here' });
    expect((await s.answer(group, 'no mention here')).topic).toBe(77);
    expect(s.model.calls.at(-1)?.text).not.toContain('what is new?');
  });

  it('E17: two messages of one chat run one after the other, other chats beside them', async () => {
    const other = s.telegram.direct(s.bo);
    const door = gate();
    s.model.script((call) =>
      call.question.includes('slow one')
        ? { text: 'slow answer', hold: door.wait }
        : { text: `quick ${call.question}` },
    );
    s.telegram.say({ chat: home, from: s.ana, text: 'slow one' });
    s.telegram.say({ chat: home, from: s.ana, text: 'after it' });
    s.telegram.say({ chat: other, from: s.bo, text: 'elsewhere' });
    await s.answer(other, 'elsewhere');
    expect(s.model.calls.some((call) => call.question.includes('after it'))).toBe(false);
    door.open();
    await s.answer(home, 'slow answer');
    await s.answer(home, 'after it');
  });

  it('E18, F12: a message that Telegram brings four times makes one turn', async () => {
    const id = s.telegram.say({ chat: home, from: s.ana, text: 'only once' });
    const update = s.telegram.state.nextUpdate - 1;
    await s.answer(home, 'only once');
    for (let time = 0; time < 3; time++) s.telegram.repeat(update);
    s.telegram.say({ chat: home, from: s.ana, text: 'flush' });
    await s.answer(home, 'flush');
    expect((await s.turns()).filter((turn) => turn.messageId === String(id))).toHaveLength(1);
    expect(s.model.calls.filter((call) => call.question.includes('only once'))).toHaveLength(1);
  });

  it('E75, F13: an edit before the start counts; Telegram tells of no deletions', async () => {
    const door = gate();
    s.model.script((call) =>
      call.question.includes('hold on')
        ? { text: 'held', hold: door.wait }
        : { text: `got ${call.question}` },
    );
    s.telegram.say({ chat: home, from: s.ana, text: 'hold on' });
    await asked(s, 'hold on');
    const id = s.telegram.say({ chat: home, from: s.ana, text: 'old words' });
    await until('it to be queued', async () =>
      (await s.turns()).some((turn) => turn.messageId === String(id)),
    );
    s.telegram.edit(home, s.ana, id, 'new words');
    await until('the edit to be stored', async () =>
      (await s.eventsOf(id)).some((event) => event.type === 'message.edited'),
    );
    door.open();
    await s.answer(home, 'new words');
    expect(s.model.calls.some((call) => call.question.includes('old words'))).toBe(false);
  });

  it('A33: bots, anonymous admins and channels are no persons and get no answer', async () => {
    const group = s.telegram.group('Bots', [s.ana]);
    const robot = { ...s.telegram.person('Robot'), is_bot: true };
    s.telegram.say({ chat: group, from: robot, text: '@parley_test_bot hi' });
    s.telegram.say({ chat: group, from: s.ana, text: '@parley_test_bot hi', anonymous: true });
    s.telegram.say({ chat: group, from: s.ana, text: '@parley_test_bot real' });
    await s.answer(group, 'real');
    expect(s.model.calls).toHaveLength(1);
  });

  it('malformed updates are dropped with their number, and the next one is answered', async () => {
    for (const odd of [
      {},
      { message: 7 },
      { message: { text: 'x' } },
      { callback_query: { id: '' } },
      { poll: {} },
    ])
      s.telegram.push(odd);
    s.telegram.say({ chat: home, from: s.ana, text: 'still there?' });
    await s.answer(home, 'still there?');
    expect(s.gateway.output()).toContain('update dropped');
  });

  it('commands are registered, those with private answers as ephemeral; links make no previews', async () => {
    const [registered] = s.telegram.calls('setMyCommands');
    const commands = registered?.commands as { command: string; is_ephemeral: boolean }[];
    expect(commands.find((one) => one.command === 'btw')?.is_ephemeral).toBe(true);
    expect(commands.find((one) => one.command === 'stop')?.is_ephemeral).toBe(false);
    s.model.script(() => ({ text: 'see [the bank](https://evil.example/x) and ask @cy **now**' }));
    s.telegram.say({ chat: home, from: s.ana, text: 'a link please' });
    const answer = await s.answer(home, 'the bank (evil.example)');
    expect(answer.html).toContain('<b>now</b>');
    expect(answer.text).not.toContain('@cy');
  });

  it('P10, A39: the token is in no line of the log', () => {
    expect(s.gateway.output()).not.toContain(s.telegram.token.slice(5));
  });
});
