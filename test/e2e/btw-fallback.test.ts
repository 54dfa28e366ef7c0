/** `btw.fallback` on each platform, where no private answer can be shown in the place: E55, A36, P8. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { FakeModel } from '../fakes/model-server.ts';
import { MENTION } from '../fakes/slack/people.ts';
import { type DiscordScenario, startDiscord } from './support/discord.ts';
import { until } from './support/gateway.ts';
import { type SlackScenario, startSlack, wordsOf } from './support/slack.ts';
import { startTelegram, type TelegramScenario } from './support/telegram.ts';

const CANARY = 'CANARY side answer';
const REFUSED = 'cannot show you a private answer';
const yaml = (fallback: string): string => `btw: { fallback: ${fallback} }`;
const isAside = (call: { readonly model: string }): boolean => call.model === 'aside-model';
const script = (model: FakeModel): void =>
  model.script((call) => ({ text: isAside(call) ? CANARY : 'written answer' }));

describe('btw.fallback on Telegram, in a group where the bot is no admin', () => {
  let s: TelegramScenario;
  let group: number;
  afterEach(() => s.close());

  async function ask(fallback: string): Promise<void> {
    s = await startTelegram({ yaml: yaml(fallback) });
    script(s.model);
    group = s.telegram.group('Team', [s.ana, s.bo, s.cy]);
    s.telegram.direct(s.cy);
    s.telegram.say({ chat: group, from: s.ana, text: '@parley_test_bot start' });
    await s.answer(group);
    s.telegram.say({ chat: group, from: s.cy, text: '@parley_test_bot /btw which day?' });
  }
  const seenByAna = () => JSON.stringify(s.telegram.sees(s.ana));

  it('direct: in the private chat', async () => {
    await ask('direct');
    const shown = await s.shown(s.cy.id, 'the answer', (one) => one.text.includes(CANARY));
    expect(shown.text).toContain('Aside, only you see this');
    expect(seenByAna()).not.toContain('CANARY');
  });

  it('public: in the group, which says so', async () => {
    await ask('public');
    const shown = await s.shown(group, 'the answer', (one) => one.text.includes(CANARY));
    expect(shown.text).toContain('Aside, everyone here sees this');
  });

  it('refuse: not at all, and the asker is told', async () => {
    await ask('refuse');
    await s.shown(group, 'the refusal', (one) => one.text.includes(REFUSED));
    expect(s.model.calls.filter(isAside)).toHaveLength(0);
  });
});

describe('btw.fallback on Discord, for a question that was typed', () => {
  let s: DiscordScenario;
  afterEach(() => s.close());

  async function ask(fallback: string): Promise<string> {
    s = await startDiscord({ yaml: yaml(fallback) });
    script(s.model);
    const asked = s.discord.say(s.general, s.ana, s.at('start'));
    await s.answer(asked);
    s.discord.say(asked, s.cy, '!btw which day?');
    return asked;
  }

  it('direct: in the private chat', async () => {
    const thread = await ask('direct');
    const shown = await s.answer(s.discord.direct(s.cy), CANARY);
    expect(shown.content).toContain('Aside, only you see this');
    expect(JSON.stringify(s.discord.posts(thread))).not.toContain('CANARY');
  });

  it('[direct, refuse], A36: somebody whose private chat is closed is told so, and nobody else anything', async () => {
    s = await startDiscord({ yaml: yaml('[direct, refuse]') });
    script(s.model);
    const asked = s.discord.say(s.general, s.ana, s.at('start'));
    await s.answer(asked);
    s.discord.world.forbidden.add(s.discord.direct(s.cy));
    s.discord.say(asked, s.cy, '!btw which day?');
    await s.answer(asked, 'I cannot write to you in private');
    expect(s.model.calls.filter(isAside)).toHaveLength(0);
    // The order is read anew with the file.
    s.folder.writeConfig(
      readFileSync(join(s.folder.path, 'parley.yaml'), 'utf8').replace('refuse]', 'public]'),
    );
    await until('the reload', () => s.gateway.output().includes('configuration reloaded'));
    s.discord.say(asked, s.cy, '!btw which day?');
    expect((await s.answer(asked, CANARY)).content).toContain('Aside, everyone here sees this');
  });

  it('public: in the thread, which says so', async () => {
    const thread = await ask('public');
    expect((await s.answer(thread, CANARY)).content).toContain('Aside, everyone here sees this');
  });

  it('refuse: not at all, and the asker is told', async () => {
    const thread = await ask('refuse');
    await s.answer(thread, REFUSED);
    expect(s.model.calls.filter(isAside)).toHaveLength(0);
  });
});

describe('btw.fallback on Slack, where it shows only at the end that a private message is not taken', () => {
  let s: SlackScenario;
  let thread: string;
  afterEach(() => s.close());

  async function ask(fallback: string): Promise<void> {
    s = await startSlack({ yaml: yaml(fallback) });
    script(s.model);
    const { ts, taken } = s.slack.say({ channel: s.general, from: s.ana, text: `${MENTION} start` });
    await taken;
    thread = ts;
    await s.answer(s.general, 'written answer');
    s.slack.fail({ method: 'chat.postEphemeral', error: 'restricted_action' });
    await s.slack.say({ channel: s.general, from: s.cy, text: '!btw which day?', thread }).taken;
  }
  const inGeneral = () => s.slack.state.messages.filter((one) => one.channel === s.general);

  it('direct: in the private conversation', async () => {
    await ask('direct');
    const shown = await s.posted('the answer', (one) => wordsOf(one).includes(CANARY));
    expect(shown.channel).toBe('D0CY');
    expect(wordsOf(shown)).toContain('Aside, only you see this');
    expect(JSON.stringify(inGeneral())).not.toContain('CANARY');
  });

  it('public: in the thread, which says so', async () => {
    await ask('public');
    const shown = await s.posted('the answer', (one) => wordsOf(one).includes(CANARY));
    expect(shown).toMatchObject({ channel: s.general, thread });
    expect(wordsOf(shown)).toContain('Aside, everyone here sees this');
  });

  it('refuse: not at all, and the asker is told', async () => {
    await ask('refuse');
    await s.shown(s.cy, REFUSED);
    expect(JSON.stringify(s.slack.state.messages)).not.toContain('CANARY');
  });

  it('F14: told to wait, the last word waits and is shown in its place', async () => {
    s = await startSlack({ yaml: yaml('public') });
    script(s.model);
    const { ts, taken } = s.slack.say({ channel: s.general, from: s.ana, text: `${MENTION} start` });
    await taken;
    await s.answer(s.general, 'written answer');
    s.slack.fail({ method: 'chat.postEphemeral', status: 429, retryAfter: 1 });
    await s.slack.say({ channel: s.general, from: s.cy, text: '!btw which day?', thread: ts }).taken;
    await s.shown(s.cy, CANARY);
    await until('two tries', () => s.slack.calls('chat.postEphemeral').length === 2);
    expect(JSON.stringify(inGeneral())).not.toContain('CANARY');
  });
});
