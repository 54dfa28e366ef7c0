/** Conversations on Slack through the real program and the real SDK: E2, E16 to E18, E75, F12, F13. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readLedger } from '../crash/ledger.ts';
import { MENTION } from '../fakes/slack/people.ts';
import { asked, gate, idle } from './support/scenario.ts';
import { type SlackScenario, startSlack, wordsOf } from './support/slack.ts';

describe('Slack', () => {
  let s: SlackScenario;
  let home: string;

  beforeAll(async () => {
    s = await startSlack();
    home = s.slack.direct(s.ana);
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
    s.model.script((call) => ({ text: `written answer to ${call.question.trim().split('\n')[0]}` }));
  });

  it('E2: a direct message is answered, and its turn names author, place and text', async () => {
    const { ts, taken } = s.slack.say({ channel: home, from: s.ana, text: 'hello there' });
    await taken;
    const answer = await s.answer(home, 'hello there');
    expect(wordsOf(answer)).toBe('written answer to hello there');
    expect(answer.unfurls).toBe(false);
    const [started] = await s.eventsOf(ts);
    expect(started).toMatchObject({
      type: 'turn.started',
      author: 'slack:U0ANA',
      channel: 'slack',
      message: {
        text: 'hello there',
        direct: true,
        author: { name: 'Ana' },
        where: { account: 'T0TEAM:U0PARLEY', conversation: home },
      },
    });
  });

  it('E16: the next message knows the one before', async () => {
    await s.slack.say({ channel: home, from: s.ana, text: 'second question' }).taken;
    await s.answer(home, 'second question');
    expect(s.model.calls.at(-1)?.text).toContain('hello there');
  });

  it('E18, F12: a mention, which Slack brings as two events, is one turn, answered in its thread, which is then followed', async () => {
    await s.slack.say({ channel: s.general, from: s.bo, text: 'just chatting' }).taken;
    const { ts, taken } = s.slack.say({ channel: s.general, from: s.bo, text: `${MENTION} what is new?` });
    await taken;
    const answer = await s.answer(s.general, 'what is new?');
    expect(answer.thread).toBe(ts);
    expect(s.model.calls).toHaveLength(1);
    expect(s.model.calls[0]?.question).not.toContain('U0PARLEY');
    await s.slack.say({ channel: s.general, from: s.cy, text: 'and then?', thread: ts }).taken;
    expect((await s.answer(s.general, 'and then?')).thread).toBe(ts);
    expect(s.model.calls.at(-1)?.text).toContain('what is new?');
    expect((await s.turns()).filter((turn) => turn.messageId.endsWith(ts))).toHaveLength(1);
  });

  it('E18, F12: an event that Slack brings four times is one turn', async () => {
    const body = s.slack.eventBody({
      type: 'message',
      channel: home,
      channel_type: 'im',
      user: s.ana.id,
      text: 'only once',
      ts: s.slack.state.ts(),
      team: 'T0TEAM',
    });
    await Promise.all([1, 2, 3, 4].map(() => s.slack.delivery.deliver('events_api', body)));
    await s.answer(home, 'only once');
    await s.slack.delivery.deliver('events_api', body);
    expect(s.model.calls.filter((call) => call.question.includes('only once'))).toHaveLength(1);
  });

  it('E17: two messages of one conversation run one after the other, another one beside them', async () => {
    const other = s.slack.direct(s.bo);
    const door = gate();
    s.model.script((call) =>
      call.question.includes('slow one')
        ? { text: 'slow answer', hold: door.wait }
        : { text: `quick ${call.question}` },
    );
    await s.slack.say({ channel: home, from: s.ana, text: 'slow one' }).taken;
    await s.slack.say({ channel: home, from: s.ana, text: 'after it' }).taken;
    await s.slack.say({ channel: other, from: s.bo, text: 'elsewhere' }).taken;
    await s.answer(other, 'elsewhere');
    expect(s.model.calls.some((call) => call.question.includes('after it'))).toBe(false);
    door.open();
    await s.answer(home, 'slow answer');
    await s.answer(home, 'after it');
  });

  it('P3, F13: what was written first is taken first, also when the look-up of its author hangs', async () => {
    s.model.script((call) => ({ text: `re ${call.question}` }));
    const newcomer = s.slack.member('U0NEW', 'Nell');
    const channel = s.slack.direct(newcomer);
    s.slack.fail({ method: 'users.info', drop: 'never' });
    const said = ['first words', 'second words', 'third words'].map((text) =>
      s.slack.say({ channel, from: newcomer, text }),
    );
    await Promise.all(said.map(({ taken }) => taken));
    const turns = (await readLedger(s.folder.path)).filter((turn) => turn.conversation === channel);
    expect(turns.map((turn) => turn.messageId)).toEqual(said.map(({ ts }) => `${channel}:${ts}`));
  });

  it('E75, F13: what is edited before it starts runs as edited; what is deleted does not run', async () => {
    const door = gate();
    s.model.script((call) =>
      call.question.includes('blocker')
        ? { text: 'unblocked', hold: door.wait }
        : { text: `ran ${call.question}` },
    );
    await s.slack.say({ channel: home, from: s.ana, text: 'blocker' }).taken;
    await asked(s, 'blocker');
    const edited = s.slack.say({ channel: home, from: s.ana, text: 'first words' });
    const removed = s.slack.say({ channel: home, from: s.ana, text: 'unwanted words' });
    await Promise.all([edited.taken, removed.taken]);
    await s.slack.edit(edited.ts, 'better words');
    await s.slack.remove(removed.ts);
    await s.slack.say({ channel: home, from: s.ana, text: 'the last' }).taken;
    door.open();
    await s.answer(home, 'ran better words');
    await s.answer(home, 'ran the last');
    expect(s.model.calls.some((call) => /first words|unwanted words/.test(call.question))).toBe(false);
  });
});
