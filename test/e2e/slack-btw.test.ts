/** Asking aside on Slack: E49 to E56, P8, A36. In a thread by text, shortcut and button; in a channel by command. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ModelCall, ScriptedReply } from '../fakes/model-server.ts';
import { textsOf } from '../fakes/slack/blocks.ts';
import { MENTION } from '../fakes/slack/people.ts';
import { until } from './support/gateway.ts';
import { asked, gate, idle } from './support/scenario.ts';
import { isAside, labels, type SlackScenario, startSlack, wordsOf } from './support/slack.ts';

describe('/btw on Slack', () => {
  let s: SlackScenario;
  let thread: string;
  let main: (call: ModelCall) => ScriptedReply;
  let aside: (call: ModelCall) => ScriptedReply;

  beforeAll(async () => {
    s = await startSlack();
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    main = () => ({ text: 'main answer' });
    aside = () => ({ text: 'side answer' });
    s.model.script((call) => (isAside(call) ? aside(call) : main(call)));
    s.slack.state.ephemerals.length = 0;
    s.slack.state.messages.length = 0;
    s.slack.state.views.clear();
    const { ts, taken } = s.slack.say({
      channel: s.general,
      from: s.cy,
      text: `${MENTION} when do we ship?`,
    });
    await taken;
    thread = ts;
    await s.answer(s.general, 'main answer');
    await idle(s.folder);
    s.model.reset();
  });

  const refusals = (): number => s.gateway.output().split('user_not_in_channel').length - 1;
  const asideCalls = (): readonly ModelCall[] => s.model.calls.filter(isAside);
  const modalOf = (id: string) => [...s.slack.state.views.values()].findLast((one) => one.user === id);
  const modalSays = (text: string) =>
    until(`the modal to say "${text}"`, () =>
      textsOf(modalOf(s.cy.id)?.view.blocks).join('\n').includes(text),
    );
  /** Everything anybody but Cy could have read. */
  const others = (): string =>
    JSON.stringify([
      s.slack.state.messages.filter((one) => one.user !== s.cy.id),
      s.slack.state.ephemerals.filter((one) => one.user !== s.cy.id),
      [...s.slack.state.views.values()].filter((one) => one.user !== s.cy.id),
    ]);

  it('E49, E55, P8: `!btw` in a thread, over several lines, is answered whole in that thread to the asker alone', async () => {
    aside = () => ({ text: 'CANARY-ANSWER line one\n\nline two' });
    await s.slack.say({
      channel: s.general,
      from: s.cy,
      text: '!btw CANARY-QUESTION first line\nsecond line',
      thread,
    }).taken;
    const shown = await s.shown(s.cy, 'CANARY-ANSWER');
    expect(shown.thread).toBe(thread);
    expect(wordsOf(shown)).toMatch(
      /Aside, only you see this: CANARY-QUESTION first line\nsecond line[\s\S]*line two/,
    );
    expect(asideCalls()).toHaveLength(1);
    expect(asideCalls()[0]?.body).not.toHaveProperty('tools');
    expect(asideCalls()[0]?.text).toMatch(/when do we ship\?[\s\S]*main answer[\s\S]*second line/);
    expect(others()).not.toContain('CANARY');
  });

  it('E55: a mention with btw does the same, once, though Slack brings it as two events', async () => {
    await s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} btw who decides?`, thread }).taken;
    await s.shown(s.cy, 'side answer');
    expect(asideCalls()).toHaveLength(1);
    expect(s.slack.state.ephemerals).toHaveLength(1);
  });

  it('E50: answered while the turn still runs', async () => {
    const door = gate();
    main = () => ({ text: 'slow words here', holdAfterFirst: door.wait });
    const { ts, taken } = s.slack.say({
      channel: s.general,
      from: s.cy,
      text: 'write the long report',
      thread,
    });
    await taken;
    await asked(s, 'write the long report');
    await s.slack.say({ channel: s.general, from: s.cy, text: '!btw what are you doing?', thread }).taken;
    await s.shown(s.cy, 'side answer');
    expect(asideCalls()[0]?.text).toContain('write the long report');
    door.open();
    await s.answer(s.general, 'slow words here');
    expect((await s.eventsOf(ts)).at(-1)?.type).toBe('turn.finished');
  });

  it('E55, P8: the message shortcut opens a modal, in which question and answer stay', async () => {
    aside = () => ({ text: 'CANARY **bold** answer\n\n- one\n- two' });
    await s.slack.shortcut(s.general, thread, s.cy);
    await until('the modal', () => modalOf(s.cy.id));
    const answer = await s.slack.submit(s.cy, 'CANARY question\nwith two lines');
    expect(answer.attempts).toBe(1);
    await modalSays('answer');
    expect(asideCalls()[0]?.text).toMatch(/when do we ship\?[\s\S]*CANARY question\nwith two lines/);
    expect(others()).not.toContain('CANARY');
    expect(s.slack.state.ephemerals).toHaveLength(0);
  });

  it('A36: who has left the channel is told nothing in a window that is still open', async () => {
    aside = () => ({ text: 'CANARY answer' });
    await s.slack.shortcut(s.general, thread, s.cy);
    await until('the modal', () => modalOf(s.cy.id));
    s.slack.state.channels.get(s.general)?.delete(s.cy.id);
    await s.slack.submit(s.cy, 'what do they say now?');
    await modalSays('(ref ');
    s.slack.channel(s.general, [s.ana, s.bo, s.cy]);
    expect(asideCalls()).toHaveLength(0);
    expect(JSON.stringify([...s.slack.state.views.values()])).not.toContain('CANARY');
  });

  it('E55: the button below an answer opens the same modal', async () => {
    const answer = await s.answer(s.general, 'main answer');
    expect(labels(answer)).toContain('Ask aside');
    await s.slack.click(answer, 'Ask aside', s.cy);
    await until('the modal', () => modalOf(s.cy.id));
    await s.slack.submit(s.cy, 'and who?');
    await modalSays('side answer');
  });

  it('E55: the slash command, which Slack has outside of threads only, is about the latest thread', async () => {
    const { attempts } = await s.slack.command(s.general, s.cy, '/btw', 'which day?');
    expect(attempts).toBe(1);
    const shown = await s.shown(s.cy, 'side answer');
    expect(shown.by).toBe('response_url');
    expect(asideCalls()[0]?.text).toContain('when do we ship?');
  });

  it('F38: when the response URL is dead, the answer is shown all the same, to the asker alone', async () => {
    aside = () => {
      s.slack.state.responseUrls.clear();
      return { text: 'CANARY answer' };
    };
    await s.slack.command(s.general, s.cy, '/btw', 'which day?');
    expect((await s.shown(s.cy, 'CANARY answer')).by).toBe('postEphemeral');
    expect(others()).not.toContain('CANARY');
  });

  it('A36: somebody who is not in the channel any more is told nothing about it', async () => {
    const before = refusals();
    aside = () => {
      s.slack.state.channels.get(s.general)?.delete(s.cy.id);
      return { text: 'CANARY answer' };
    };
    await s.slack.say({ channel: s.general, from: s.cy, text: '!btw CANARY?', thread }).taken;
    await until('the refusal', () => refusals() > before);
    s.slack.channel(s.general, [s.ana, s.bo, s.cy]);
    expect(s.slack.state.ephemerals).toHaveLength(0);
    expect(others()).not.toContain('CANARY');
  });

  it('E53: no question gives the usage; the model is not called', async () => {
    await s.slack.command(s.general, s.cy, '/btw', '');
    await s.shown(s.cy, 'Usage: /btw QUESTION');
    await s.slack.say({ channel: s.general, from: s.cy, text: '!btw', thread }).taken;
    const usages = () => s.slack.state.ephemerals.filter((one) => wordsOf(one).includes('Usage: /btw'));
    await until('both', () => usages().length === 2);
    expect(s.model.calls).toHaveLength(0);
  });

  it('E53: no context is an error', async () => {
    const empty = s.slack.channel('C0EMPTY', [s.cy]);
    await s.slack.say({ channel: empty, from: s.cy, text: '!btw anything?' }).taken;
    await s.shown(s.cy, 'nothing to ask about yet');
    expect(s.model.calls).toHaveLength(0);
  });

  it('E54: a stream that breaks off is one error line', async () => {
    aside = () => ({ text: 'half an', unfinished: true });
    await s.slack.say({ channel: s.general, from: s.cy, text: '!btw well?', thread }).taken;
    const shown = await s.shown(s.cy, '(ref ');
    expect(wordsOf(shown)).not.toContain('half');
  });

  it('E56: the next turn holds no trace', async () => {
    aside = () => ({ text: 'SECRET-SIDE' });
    await s.slack.say({ channel: s.general, from: s.cy, text: '!btw SIDE-QUESTION?', thread }).taken;
    await s.shown(s.cy, 'SECRET-SIDE');
    await s.slack.say({ channel: s.general, from: s.cy, text: 'go on please', thread }).taken;
    await until('the next turn', () =>
      s.model.calls.some((call) => !isAside(call) && call.text.includes('go on please')),
    );
    expect(JSON.stringify(s.model.calls.findLast((call) => !isAside(call))?.body)).not.toMatch(
      /SECRET-SIDE|SIDE-QUESTION/,
    );
  });

  it('in a direct conversation it is an ordinary message there, labelled and written as it comes', async () => {
    const home = s.slack.direct(s.cy);
    await s.slack.say({ channel: home, from: s.cy, text: 'context' }).taken;
    await s.answer(home, 'main answer');
    await s.slack.say({ channel: home, from: s.cy, text: '!btw private?' }).taken;
    const answer = await s.posted(
      'the aside',
      (one) => one.channel === home && wordsOf(one).includes('side answer'),
    );
    expect(wordsOf(answer)).toContain('Aside, only you see this: private?');
  });

  it('/stop ends a side question', async () => {
    const door = gate();
    aside = () => ({ text: 'never ends', holdAfterFirst: door.wait });
    await s.slack.say({ channel: s.general, from: s.cy, text: '!btw long one?', thread }).taken;
    const call = await until('the call', () => asideCalls()[0]);
    await s.slack.say({ channel: s.general, from: s.cy, text: '!stop', thread }).taken;
    await call.aborted;
    await s.shown(s.cy, 'Stopped.');
    door.open();
  });
});
