/** Slack's connection and its failures: F8, F9, F12, F14 to F18, F39, F40, E46, E47, A31, A33. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MENTION } from '../fakes/slack/people.ts';
import { BOT, type Posted } from '../fakes/slack/state.ts';
import { until } from './support/gateway.ts';
import { idle, recorded, sh } from './support/scenario.ts';
import { labels, type SlackScenario, startSlack, wordsOf } from './support/slack.ts';

/** Whole answers, so that each try is one of the answer itself. */
describe('sending to Slack', () => {
  let s: SlackScenario;
  beforeAll(async () => {
    s = await startSlack({ section: '    stream: false' });
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    await recorded(s.folder);
    s.model.reset();
    s.slack.state.faults.length = 0;
    s.slack.state.messages.length = 0;
  });

  const home = (): string => s.slack.direct(s.ana);
  const say = (text: string) => s.slack.say({ channel: home(), from: s.ana, text }).taken;
  const ours = (): Posted[] => s.slack.state.messages.filter((one) => one.user === BOT.user && !one.deleted);

  it('F14: a 429 is waited out, and nothing is lost', async () => {
    s.model.script((call) => ({ text: `answer to ${call.question}` }));
    const before = s.slack.state.calls.length;
    s.slack.fail({ method: 'chat.postMessage', status: 429, retryAfter: 1 });
    await say('one');
    await s.answer(home(), 'answer to one');
    const [refused, sent] = s.slack.state.calls
      .slice(before)
      .filter((call) => call.method === 'chat.postMessage');
    expect((sent?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
    expect(ours()).toHaveLength(1);
  });

  it('F15, F8: after a 5xx it is sent again; after an answer that got lost it is found instead', async () => {
    s.model.script((call) => ({ text: `answer to ${call.question}` }));
    s.slack.fail({ method: 'chat.postMessage', status: 503 });
    await say('one');
    await s.answer(home(), 'answer to one');
    const lookUps = s.slack.calls('conversations.history').length;
    s.slack.fail({ method: 'chat.postMessage', drop: 'after' });
    await say('two');
    await until('the look-up', () => s.slack.calls('conversations.history').length > lookUps);
    await say('three');
    await s.answer(home(), 'answer to three');
    expect(ours().map(wordsOf)).toEqual(['answer to one', 'answer to two', 'answer to three']);
  });

  it('F8: killed between sending and recording, the answer is not sent twice', async () => {
    s.model.script((call) => ({ text: `answer to ${call.question}` }));
    s.slack.fail({ method: 'chat.postMessage', drop: 'never' });
    await say('one');
    await s.answer(home(), 'answer to one');
    await s.restart();
    await say('two');
    await s.answer(home(), 'answer to two');
    expect(ours().map(wordsOf)).toEqual(['answer to one', 'answer to two']);
  });

  it('F9: killed in the middle of a split answer, it goes on with the next part', async () => {
    const words = Array.from({ length: 2_500 }, (_, index) => `word${String(index).padStart(5, '0')}`);
    s.model.script((_call, index) => ({ text: index === 0 ? words.join(' ') : 'last' }));
    s.slack.fail({ method: 'chat.postMessage', skip: 1, drop: 'before', times: 50 });
    const sent = s.slack.calls('chat.postMessage').length;
    await say('all the words');
    await until('the first part', () => ours()[0]);
    await until('a try of the second', () => s.slack.calls('chat.postMessage').length > sent + 1);
    s.slack.state.faults.length = 0;
    await s.restart();
    await until('every word', () => ours().some((one) => wordsOf(one).includes('word02499')));
    expect(
      ours()
        .map(wordsOf)
        .join(' ')
        .match(/word\d{5}/g),
    ).toEqual(words);
  });
});

describe('the connection to Slack', () => {
  let s: SlackScenario;
  afterEach(() => s.close());

  const health = async () => {
    const response = await fetch(`${s.gateway.url}/readyz`);
    const body = (await response.json()) as { channels: Record<string, { state: string; detail?: string }> };
    return body.channels.slack;
  };
  const home = (): string => s.slack.direct(s.ana);
  const say = (text: string) => s.slack.say({ channel: home(), from: s.ana, text }).taken;
  const done = () =>
    until('every turn to be done', async () => {
      const turns = await s.turns();
      return turns.length > 0 && turns.every((turn) => turn.status === 'done');
    });

  it('F16: a revoked token takes the channel down with the remedy, and the program stays up', async () => {
    s = await startSlack();
    s.slack.state.revoked = true;
    await say('anybody?');
    const state = await until('the channel to be down', async () => {
      const now = await health();
      return now?.state === 'down' ? now : undefined;
    });
    expect(state.detail).toMatch(/token_revoked[\s\S]*bot token/);
    expect((await fetch(`${s.gateway.url}/healthz`)).status).toBe(200);
    expect(s.gateway.output()).not.toContain('xoxb-fake');
  });

  it('F16: the app being removed takes the channel down', async () => {
    s = await startSlack();
    await s.slack.event({ type: 'app_uninstalled' });
    await until('the channel to be down', async () => (await health())?.state === 'down');
  });

  it('F17, F18: after a dropped connection, a change of servers and refusals messages still come, each once', async () => {
    s = await startSlack();
    s.model.script((call) => ({ text: `answer to ${call.question}` }));
    s.slack.delivery.drop();
    await until('another connection', () => s.slack.delivery.connections() === 2);
    await say('after the drop');
    await s.answer(home(), 'answer to after the drop');
    s.slack.delivery.refresh();
    await until('a third', () => s.slack.delivery.connections() === 3);
    await say('after the refresh');
    await s.answer(home(), 'answer to after the refresh');
    expect((await health())?.state).toBe('up');
    // It keeps trying, and says so.
    s.slack.fail({ method: 'apps.connections.open', status: 503, times: 2 });
    s.slack.delivery.drop();
    await until('trouble', async () => (await health())?.state === 'degraded');
    await until('to be back', async () => (await health())?.state === 'up');
    expect(await s.turns()).toHaveLength(2);
  });

  it('F18: what was said while it was down, and Slack gave up on, is read back in order, each once', async () => {
    s = await startSlack();
    s.model.script((call) => ({ text: `answer to ${call.question}` }));
    const unheard = true;
    await say('before');
    await s.answer(home(), 'answer to before');
    const { ts: thread, taken } = s.slack.say({ channel: s.general, from: s.bo, text: `${MENTION} plan` });
    await taken;
    await s.answer(s.general, 'plan');
    await done();
    await s.gateway.stop();
    s.slack.say({ channel: home(), from: s.ana, text: 'first missed', unheard });
    s.slack.say({ channel: home(), from: s.ana, text: 'second missed', unheard });
    s.slack.say({ channel: s.general, from: s.cy, text: 'in the thread', thread, unheard });
    const asked = s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} a new one`, unheard });
    s.slack.say({ channel: s.general, from: s.cy, text: 'and more', thread: asked.ts, unheard });
    s.gateway = await s.folder.start();
    for (const text of ['first missed', 'second missed']) await s.answer(home(), `answer to ${text}`);
    expect((await s.answer(s.general, 'answer to Cy: in the thread')).thread).toBe(thread);
    for (const text of ['a new one', 'and more'])
      expect((await s.answer(s.general, `answer to Cy: ${text}`)).thread).toBe(asked.ts);
    await done();
    const questions = s.model.calls.map((call) => call.question).filter((text) => /missed/.test(text));
    expect(questions).toEqual(['first missed', 'second missed']);
    expect(await s.turns()).toHaveLength(7);
    expect(s.gateway.output()).toContain('read back what Slack had not delivered');
  });

  it('F18: without the scope for it the gap is said, and the channel is up', async () => {
    s = await startSlack();
    s.model.script((call) => ({ text: `answer to ${call.question}` }));
    await say('before');
    await s.answer(home(), 'answer to before');
    await s.gateway.stop();
    s.slack.state.missing.add('conversations.history');
    s.gateway = await s.folder.start();
    await until('the gap to be said', () => s.gateway.output().includes('cannot read back what was missed'));
    await say('after');
    await s.answer(home(), 'answer to after');
  });

  it('starts while Slack is away, and comes up when it is back', async () => {
    s = await startSlack({
      prepare(slack) {
        slack.fail({ method: 'auth.test', drop: 'before', times: 2 });
        slack.fail({ method: 'apps.connections.open', status: 503, times: 2 });
      },
    });
    s.model.script(() => ({ text: 'here I am' }));
    await until('to be up', async () => (await health())?.state === 'up');
    await say('hello?');
    await s.answer(home(), 'here I am');
  });

  it('bad input is dropped and the gateway stays up', async () => {
    s = await startSlack();
    s.model.script(() => ({ text: 'still here' }));
    for (const text of [
      'not json',
      '[]',
      'null',
      '{"type":"events_api"}',
      '{"type":"events_api","payload":{}}',
      '{"type":"events_api","payload":{"event":"x"},"envelope_id":"e"}',
      '{"type":"interactive","payload":"x","envelope_id":"e"}',
      '{"type":"strange","payload":{"actions":1},"envelope_id":"e"}',
      JSON.stringify({
        type: 'events_api',
        envelope_id: 'e',
        payload: { event: { text: 'x'.repeat(2_000_000) } },
      }),
    ])
      s.slack.delivery.raw(text);
    await s.slack.event({
      type: 'reaction_added',
      user: s.ana.id,
      item: { type: 'message', channel: home(), ts: '1.1' },
    });
    await s.slack.event({ type: 'message', channel: home(), user: 42, ts: 'never', text: { no: 1 } });
    await say('are you there?');
    await s.answer(home(), 'still here');
    expect(await s.turns()).toHaveLength(1);
  });

  it('A33: bots, webhooks, guests and people of other workspaces are nobody; names decide nothing', async () => {
    s = await startSlack({ section: '    mention_only: false' });
    s.model.script(() => ({ text: 'ok' }));
    const bot = s.slack.member('U0OTHERBOT', 'Robot', { bot: true });
    const guest = s.slack.member('U0GUEST', 'Guest', { guest: true });
    const stranger = s.slack.member('U0ELSE', 'Ana', { team: 'T0ELSE' });
    for (const from of [bot, guest, stranger])
      await s.slack.say({ channel: s.general, from, text: `${MENTION} do it` }).taken;
    await s.slack.event({
      type: 'message',
      subtype: 'bot_message',
      channel: s.general,
      bot_id: 'B0HOOK',
      username: 'Ana',
      text: `${MENTION} do it`,
      ts: s.slack.state.ts(),
    });
    await s.slack.event({
      type: 'message',
      channel: s.general,
      user: BOT.user,
      bot_id: BOT.botId,
      text: 'our own words',
      ts: s.slack.state.ts(),
    });
    await say('flush');
    await s.answer(home(), 'ok');
    expect(await s.turns()).toHaveLength(1);
    expect(s.model.calls).toHaveLength(1);
  });

  it('A31, A33: a guest may not press either', async () => {
    s = await startSlack({ approvers: '["slack:U0GUEST"]' });
    const guest = s.slack.member('U0GUEST', 'Guest', { guest: true });
    s.slack.channel(s.general, [s.ana, guest]);
    s.model.script((_call, index) => (index === 0 ? sh('mkdir not-made') : { text: 'written answer' }));
    await s.slack.say({ channel: s.general, from: s.ana, text: `${MENTION} go` }).taken;
    const card = await s.card(s.general, 'mkdir not-made');
    await s.slack.click(card, 'Approve once', guest);
    await s.shown(guest, 'You may not do this');
    expect(labels(card)).toContain('Approve once');
  });

  it('E46, F37: a request that expires is denied, its card says so, and a late press hears it', async () => {
    s = await startSlack({ yaml: 'approvals: { expires_after: 1s }' });
    s.model.script((_call, index) => (index === 0 ? sh('mkdir not-made') : { text: 'written answer' }));
    await s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} go` }).taken;
    const card = await s.card(s.general, 'mkdir not-made');
    const [, once] = [
      null,
      card.blocks.flatMap((block) =>
        block.type === 'actions' ? (block.elements as { value: string }[]) : [],
      )[0],
    ];
    await s.settled(card, 'Expired without a decision');
    await s.slack.clickValue(card, once?.value ?? '', s.ana);
    await s.shown(s.ana, 'Already decided: expired');
  });

  it('E47: with nobody to ask it is denied, and the requester is told', async () => {
    s = await startSlack({ approvers: '[]' });
    s.model.script((_call, index) => (index === 0 ? sh('mkdir not-made') : { text: 'written answer' }));
    await s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} go` }).taken;
    await s.answer(s.general, 'written answer');
    await s.answer(s.general, 'nobody is set up');
  });

  it('F40: a card that Slack refuses is denied at its deadline, and the turn ends', async () => {
    s = await startSlack({
      yaml: 'approvals: { expires_after: 2s, deliver_to: approvers }',
      approvers: '["slack:U0NOBODY"]',
    });
    s.model.script((_call, index) => (index === 0 ? sh('mkdir not-made') : { text: 'written answer' }));
    await s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} go` }).taken;
    await s.answer(s.general, 'written answer');
    await done();
  });

  it('delivers cards to the private conversations of the approvers, and settles every copy', async () => {
    s = await startSlack({ yaml: 'approvals: { deliver_to: both }' });
    s.model.script((_call, index) => (index === 0 ? sh('mkdir made-both') : { text: 'written answer' }));
    await s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} go` }).taken;
    const inAnas = await s.card('D0ANA', 'mkdir made-both');
    const copies = [
      inAnas,
      await s.card('D0BO', 'mkdir made-both'),
      await s.card(s.general, 'mkdir made-both'),
    ];
    await s.slack.click(inAnas, 'Approve once', s.ana);
    for (const copy of copies) await s.settled(copy, 'Approved once by Ana — exit 0');
  });
});
