/** Slack over signed requests: the same conversations, and A2, A3, A4 on the way in. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { textsOf } from '../fakes/slack/blocks.ts';
import { MENTION } from '../fakes/slack/people.ts';
import { TOKENS } from '../fakes/slack/state.ts';
import { until } from './support/gateway.ts';
import { idle, sh } from './support/scenario.ts';
import { isAside, type SlackScenario, startSlack, wordsOf } from './support/slack.ts';

describe('Slack over HTTP', () => {
  let s: SlackScenario;
  let home: string;

  beforeAll(async () => {
    s = await startSlack({ mode: 'http' });
    home = s.slack.direct(s.ana);
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
    s.model.script((call) => ({ text: isAside(call) ? 'side answer' : `answer to ${call.question}` }));
  });

  const message = (text: string) =>
    s.slack.eventBody({
      type: 'message',
      channel: home,
      channel_type: 'im',
      user: s.ana.id,
      text,
      ts: s.slack.state.ts(),
      team: 'T0TEAM',
    });
  const now = (): number => Math.floor(Date.now() / 1000);
  const post = (body: string | Buffer, headers: Record<string, string>) =>
    fetch(`${s.gateway.url}/channels/slack/events`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });

  it('proves its address to Slack', async () => {
    const answer = await s.slack.delivery.post('events_api', {
      type: 'url_verification',
      challenge: 'prove-it',
    });
    expect(answer).toEqual({ status: 200, body: '{"challenge":"prove-it"}' });
  });

  it('E2: a message is acknowledged in time and answered', async () => {
    const [answer] = await s.slack.say({ channel: home, from: s.ana, text: 'hello' }).taken;
    expect(answer?.attempts).toBe(1);
    await s.answer(home, 'answer to hello');
  });

  it('E27, E30: a card is decided by a press', async () => {
    s.model.script((_call, index) => (index === 0 ? sh('mkdir made-http') : { text: 'written answer' }));
    await s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} go` }).taken;
    const card = await s.card(s.general, 'mkdir made-http');
    await s.slack.click(card, 'Approve once', s.ana);
    await s.settled(card, 'Approved once by Ana — exit 0');
  });

  it('E55: commands and the modal work, each acknowledged at once', async () => {
    const { ts, taken } = s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} what day?` });
    await taken;
    await s.answer(s.general, 'what day?');
    await s.slack.command(s.general, s.cy, '/btw', 'really?');
    await s.shown(s.cy, 'side answer');
    await s.slack.shortcut(s.general, ts, s.cy);
    const view = await until('the modal', () => [...s.slack.state.views.values()].at(-1));
    await s.slack.submit(s.cy, 'why?');
    await until('the answer in the modal', () =>
      textsOf(view.view.blocks).join('\n').includes('side answer'),
    );
  });

  it('A3: unsigned, wrongly signed and altered requests are refused', async () => {
    const body = message('forged');
    expect((await post(JSON.stringify(body), {})).status).toBe(401);
    expect((await s.slack.delivery.post('events_api', body, { secret: 'another secret' })).status).toBe(401);
    expect((await s.slack.delivery.post('events_api', body, { secret: '' })).status).toBe(401);
    expect((await s.slack.delivery.post('events_api', body, { signature: 'v0=' })).status).toBe(401);
    expect(
      (await s.slack.delivery.post('events_api', body, { body: `${JSON.stringify(body)} ` })).status,
    ).toBe(401);
    expect(s.gateway.output()).not.toContain(TOKENS.secret);
  });

  it('A2: requests of another time are refused, on either side of five minutes', async () => {
    const body = message('recorded');
    for (const offset of [-301, 301])
      expect((await s.slack.delivery.post('events_api', body, { timestamp: now() + offset })).status).toBe(
        401,
      );
  });

  it('A2, F12: neither a recorded press nor an event brought again counts twice, also after a restart; the umbrella command names the others', async () => {
    const command = {
      command: '/parley',
      text: 'usage',
      user_id: s.cy.id,
      user_name: 'Cy',
      channel_id: s.general,
      team_id: 'T0TEAM',
    };
    const timestamp = now();
    for (const _again of [1, 2])
      expect((await s.slack.delivery.post('slash_commands', command, { timestamp })).status).toBe(200);
    await s.shown(s.cy, 'You, last 30 days');
    const typed = message('!status');
    const answersTo = () =>
      s.slack.state.messages.filter((one) => wordsOf(one).includes('Nothing is running'));
    await s.slack.delivery.deliver('events_api', typed);
    await s.restart();
    // What Slack brings again has a signature of its own.
    await s.slack.delivery.deliver('events_api', typed);
    expect(answersTo()).toHaveLength(1);
    expect((await s.slack.delivery.post('slash_commands', command, { timestamp })).status).toBe(200);
    // What comes after it is answered after it.
    await s.slack.command(s.general, s.cy, '/parley', 'help');
    await s.shown(s.cy, 'These commands work everywhere');
    expect(
      s.slack.state.ephemerals.filter((one) => JSON.stringify(one).includes('You, last 30 days')),
    ).toHaveLength(1);
  });

  it('A4: a huge body is refused before it is looked at, well signed or not', async () => {
    const huge = message('x'.repeat(3_000_000));
    expect((await s.slack.delivery.post('events_api', huge)).status).toBe(413);
    const headers = { 'x-slack-signature': 'v0=00', 'x-slack-request-timestamp': String(now()) };
    expect((await post(JSON.stringify(huge), headers)).status).toBe(413);
    expect((await fetch(`${s.gateway.url}/healthz`)).status).toBe(200);
  });

  it.each([
    ['no signature', { 'x-slack-request-timestamp': '0' }],
    ['no time', { 'x-slack-signature': `v0=${'0'.repeat(64)}` }],
    ['a time that is no number', { 'x-slack-signature': 'v0=0', 'x-slack-request-timestamp': 'Infinity' }],
    [
      'a signature of another version',
      { 'x-slack-signature': `v1=${'0'.repeat(64)}`, 'x-slack-request-timestamp': '1' },
    ],
  ])('A3: with %s it is refused, and nothing is taken', async (_what, headers) => {
    expect((await post(JSON.stringify(message('forged')), headers)).status).toBe(401);
    expect(s.model.calls).toHaveLength(0);
  });

  it('F12: what was taken before is acknowledged again and not done again', async () => {
    const body = message('only once');
    await s.slack.delivery.deliver('events_api', body);
    await s.answer(home, 'answer to only once');
    expect((await s.slack.delivery.deliver('events_api', body)).attempts).toBe(1);
    expect(s.model.calls).toHaveLength(1);
  });

  it('signed nonsense is taken and dropped', async () => {
    for (const body of ['', '[]', 'null', '{"type":1}', '{"event":"x"}', '{"event":{"item":null}}'])
      expect(
        (await s.slack.delivery.post('events_api', JSON.parse(body === '' ? '{}' : body) ?? {})).status,
      ).toBe(200);
    expect((await fetch(`${s.gateway.url}/healthz`)).status).toBe(200);
    expect(s.gateway.output()).toMatch(/"reference":"[^"]+"[^\n]*dropped what Slack sent/);
  });
});
