/** What comes from Slack, well-formed or not: total, ids only, principals kept apart (A1, A2, A3, A31 to A33). */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSlacks } from '../../../../src/channels/slack/files.ts';
import { type Inbound, toInbound } from '../../../../src/channels/slack/inbound.ts';
import { askView } from '../../../../src/channels/slack/modal.ts';
import { encodeRoute, parseRoute, placeOf } from '../../../../src/channels/slack/places.ts';
import { parseBody } from '../../../../src/channels/slack/receiver.ts';
import { isFromSlack } from '../../../../src/channels/slack/signature.ts';
import { spoiled } from '../spoil.ts';

const bot = { team: 'T1', user: 'UBOT', botId: 'BBOT' };
const options = { bot, replyInThread: true, commands: new Set(['btw', 'stop', 'approve', 'new', 'status']) };
const base = {
  type: 'message',
  channel: 'C1',
  channel_type: 'channel',
  user: 'U1',
  ts: '1700000000.000100',
  team: 'T1',
  text: 'hi',
};
const event = (inner: object) => ({ type: 'event_callback', event_id: 'Ev1', team_id: 'T1', event: inner });
const parse = (body: unknown): Inbound | undefined => toInbound(body, options, 0);

function message(inner: object) {
  const parsed = parse(event({ ...base, ...inner }));
  if (parsed?.kind !== 'message') throw new Error(`no message: ${JSON.stringify(parsed)}`);
  return parsed.message;
}

describe('messages of Slack', () => {
  it('belong to their thread, or open one in a channel; a direct conversation is one session', () => {
    expect(message({}).where).toEqual({
      channel: 'slack',
      account: 'T1:UBOT',
      conversation: 'C1',
      thread: base.ts,
    });
    expect(message({ thread_ts: '1.1' }).where.thread).toBe('1.1');
    expect(message({ channel: 'D1', channel_type: 'im' })).toMatchObject({
      direct: true,
      where: { conversation: 'D1' },
    });
    expect(message({ channel: 'D1', channel_type: 'im' }).where).not.toHaveProperty('thread');
    expect(message({})).toMatchObject({ id: `C1:${base.ts}`, at: 1_700_000_000_000, direct: false });
  });

  it('are the same message by either event', () => {
    const mention = { text: '<@UBOT> hello' };
    expect(message({ ...mention, type: 'app_mention' })).toEqual(message(mention));
    expect(message(mention)).toMatchObject({ text: 'hello', mentionsBot: true });
  });

  it('are commands where nothing else can be meant, and then start no thread', () => {
    expect(message({ text: '!btw a\nb' })).toMatchObject({
      command: { name: 'btw', argument: 'a\nb' },
      replyToken: 'top',
    });
    expect(message({ text: '!btw a' }).where).not.toHaveProperty('thread');
    expect(message({ text: '<@UBOT> btw why?', thread_ts: '1.1' })).toMatchObject({
      command: { name: 'btw', argument: 'why?' },
    });
    expect(message({ text: '<@UBOT> stop' }).command).toEqual({ name: 'stop', argument: '' });
    for (const text of [
      'btw why?',
      '<@UBOT> new idea for you',
      '!unknown x',
      '<@UBOT> stop the world',
      '/etc/hosts',
    ])
      expect(message({ text })).not.toHaveProperty('command');
  });

  it('A33: bots, webhooks and other workspaces are principals of their own; our own words are nothing', () => {
    expect(message({ user: 'U9', bot_id: 'B9' }).author).toMatchObject({ id: 'slack:U9', kind: 'bot' });
    expect(
      message({ user: undefined, bot_id: 'B9', subtype: 'bot_message', username: 'Ana' }).author,
    ).toEqual({ id: 'slack:B9', name: 'Ana', kind: 'webhook' });
    expect(message({ team: 'T2' }).author.kind).toBe('guest');
    expect(message({ user_team: 'T2' }).author.kind).toBe('guest');
    for (const own of [{ user: 'UBOT' }, { bot_id: 'BBOT' }])
      expect(parse(event({ ...base, ...own }))).toBeUndefined();
    expect(parse(event({ ...base, subtype: 'channel_join' }))).toBeUndefined();
  });

  it('edits and deletions name the message and whose it was; previews of links are no edits', () => {
    const changed = {
      type: 'message',
      subtype: 'message_changed',
      channel: 'C1',
      message: { ...base, text: 'new &amp; better' },
      previous_message: base,
    };
    expect(parse(event(changed))).toMatchObject({
      kind: 'edit',
      edit: { id: `C1:${base.ts}`, text: 'new & better', author: { id: 'slack:U1' } },
    });
    expect(parse(event({ ...changed, message: base }))).toBeUndefined();
    const deleted = {
      type: 'message',
      subtype: 'message_deleted',
      channel: 'C1',
      deleted_ts: base.ts,
      previous_message: base,
    };
    expect(parse(event(deleted))).toMatchObject({
      kind: 'deletion',
      deletion: { id: `C1:${base.ts}`, author: { id: 'slack:U1' } },
    });
    expect(parse(event({ ...deleted, previous_message: null }))).toBeUndefined();
  });
});

describe('what people do in Slack besides', () => {
  const action = {
    type: 'block_actions',
    user: { id: 'U1', name: 'ana', team_id: 'T1' },
    channel: { id: 'C1' },
    message: { ts: '2.2', thread_ts: '1.1' },
    trigger_id: 't',
    actions: [{ value: `a1:o:${'A'.repeat(22)}`, action_ts: '3.3' }],
  };

  it('presses carry the payload as it is, and the place of the card', () => {
    expect(parse(action)).toMatchObject({
      kind: 'click',
      click: {
        token: `a1:o:${'A'.repeat(22)}`,
        where: { thread: '1.1' },
        author: { id: 'slack:U1', kind: 'person' },
      },
    });
    expect(parse({ ...action, user: { id: 'U1', team_id: 'T2' } })).toMatchObject({
      click: { author: { kind: 'guest' } },
    });
    expect(parse({ ...action, actions: [{ value: null }] })).toBeUndefined();
    expect(parse({ ...action, actions: [] })).toBeUndefined();
  });

  it('asking aside opens a modal from a button or the shortcut, and comes back with place and question', () => {
    expect(parse({ ...action, actions: [{ value: `b1:${'0'.repeat(25)}` }] })).toMatchObject({
      kind: 'ask',
      trigger: 't',
      where: { thread: '1.1' },
    });
    const shortcut = {
      type: 'message_action',
      callback_id: 'ask_aside',
      user: { id: 'U1' },
      channel: { id: 'C1' },
      message: { ts: '2.2' },
      trigger_id: 't',
    };
    expect(parse(shortcut)).toMatchObject({ kind: 'ask', where: { conversation: 'C1', thread: '2.2' } });
    expect(parse({ ...shortcut, callback_id: 'another' })).toBeUndefined();
    const view = {
      ...askView(placeOf(bot, 'C1', '1.1')),
      id: 'V1',
      state: { values: { question: { text: { value: ' why\nso? ' } } } },
    };
    const submitted = { type: 'view_submission', user: { id: 'U1' }, view };
    expect(parse(submitted)).toMatchObject({
      kind: 'asked',
      viewId: 'V1',
      message: {
        where: { conversation: 'C1', thread: '1.1' },
        command: { name: 'btw', argument: 'why\nso?' },
        replyToken: 'view V1',
      },
    });
    expect(parse({ ...submitted, view: { ...view, private_metadata: '{"c":1}' } })).toBeUndefined();
  });

  it('slash commands: each by its name, all by the umbrella', () => {
    const command = {
      command: '/btw',
      text: 'why?',
      user_id: 'U1',
      user_name: 'ana',
      channel_id: 'C1',
      team_id: 'T1',
      trigger_id: 't',
      response_url: 'https://hooks.slack.com/x',
    };
    expect(parse(command)).toMatchObject({
      message: { command: { name: 'btw', argument: 'why?' }, replyToken: 'url https://hooks.slack.com/x' },
    });
    expect(parse({ ...command, command: '/parley', text: 'status now' })).toMatchObject({
      message: { command: { name: 'status', argument: 'now' } },
    });
    expect(parse({ ...command, command: '/parley', text: '' })).toMatchObject({
      message: { command: { name: 'help' } },
    });
  });

  it('routes of private answers survive being written down, and nothing else passes for one', () => {
    for (const route of [
      { by: 'url', url: 'https://a.example/b' },
      { by: 'view', id: 'V1' },
      { by: 'top' },
    ] as const)
      expect(parseRoute(encodeRoute(route))).toEqual(route);
    for (const token of [undefined, '', 'url', 'view a b', 'other x'])
      expect(parseRoute(token)).toBeUndefined();
  });
});

describe('bad input', () => {
  it('anything at all is understood or dropped, never thrown at', () => {
    fc.assert(fc.property(fc.anything({ withNullPrototype: true }), (body) => void parse(body)));
    fc.assert(fc.property(fc.jsonValue(), (body) => void [parse(body), parseBody(body)]));
  });

  it('real payloads with any field replaced are understood or dropped', () => {
    const bodies = [
      event(base),
      event({
        type: 'message',
        subtype: 'message_changed',
        channel: 'C1',
        message: base,
        previous_message: base,
      }),
      event({
        type: 'message',
        subtype: 'message_deleted',
        channel: 'C1',
        deleted_ts: base.ts,
        previous_message: base,
      }),
      event({ type: 'agent_session_stopped', channel: 'C1', user: 'U1', thread_ts: '1.1' }),
      {
        type: 'block_actions',
        user: { id: 'U1' },
        channel: { id: 'C1' },
        message: { ts: '1.1' },
        actions: [{ value: 'x' }],
      },
      {
        type: 'view_submission',
        user: { id: 'U1' },
        view: {
          id: 'V',
          callback_id: 'ask_aside_modal',
          private_metadata: '{"c":"C1"}',
          state: { values: {} },
        },
      },
      { command: '/btw', text: 'x', user_id: 'U1', channel_id: 'C1' },
      {
        type: 'message_action',
        callback_id: 'ask_aside',
        user: { id: 'U1' },
        channel: { id: 'C1' },
        message: { ts: '1.1', thread_ts: '1.0' },
        trigger_id: 't',
      },
    ];
    fc.assert(
      fc.property(spoiled(bodies), (body) => {
        const parsed = parse(body);
        // Whoever it is, it is an id of Slack, never a name.
        if (parsed?.kind === 'message') expect(parsed.message.author.id).toMatch(/^slack:./);
        if (parsed?.kind === 'click') expect(parsed.click.author.id).toMatch(/^slack:./);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('signatures', () => {
  const secret = 'a secret';
  const body = Buffer.from('{"a":1}');
  const now = 1_700_000_000_000;
  const sign = (timestamp: number, by = secret, over = body) => ({
    timestamp: String(timestamp),
    signature: `v0=${createHmac('sha256', by).update(`v0:${timestamp}:`).update(over).digest('hex')}`,
    body,
  });

  it('A2, A3: only the raw body under our secret, within five minutes', () => {
    expect(isFromSlack(sign(now / 1000), secret, now)).toBe(true);
    for (const offset of [-300, 300]) expect(isFromSlack(sign(now / 1000 + offset), secret, now)).toBe(true);
    for (const offset of [-301, 301]) expect(isFromSlack(sign(now / 1000 + offset), secret, now)).toBe(false);
    expect(isFromSlack(sign(now / 1000, 'other'), secret, now)).toBe(false);
    expect(isFromSlack(sign(now / 1000, secret, Buffer.from('{"a":2}')), secret, now)).toBe(false);
    expect(isFromSlack(sign(now / 1000, ''), '', now)).toBe(false);
    expect(isFromSlack({ timestamp: undefined, signature: undefined, body }, secret, now)).toBe(false);
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        (timestamp, signature) => !isFromSlack({ timestamp, signature, body }, secret, now),
      ),
    );
  });
});

describe('files', () => {
  it('the token goes to Slack alone', () => {
    const api = 'https://slack.com/api/';
    expect(isSlacks('https://files.slack.com/x', api)).toBe(true);
    for (const url of [
      'https://evil.example/x',
      'http://files.slack.com/x',
      'https://files.slack.com.evil.example/',
      'https://slack.com@evil.example/',
      'https://evilslack.com/',
      'file:///etc/passwd',
      '',
    ])
      expect(isSlacks(url, api)).toBe(false);
    expect(isSlacks('http://127.0.0.1:80/x', 'http://127.0.0.1:81/api/')).toBe(false);
  });
});
