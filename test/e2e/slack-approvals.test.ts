/** Approvals as Slack buttons: E27 to E47 as far as cards and presses go, F36 to F40, A1, A5, A8 to A10, A33. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MENTION } from '../fakes/slack/people.ts';
import type { Posted } from '../fakes/slack/state.ts';
import { until } from './support/gateway.ts';
import { DENY, ONCE, recorded, scripts, sh } from './support/scenario.ts';
import { labels, type SlackScenario, startSlack, wordsOf } from './support/slack.ts';

describe('approvals on Slack', () => {
  let s: SlackScenario;
  let plan: ReturnType<typeof scripts>;
  let number = 0;

  beforeAll(async () => {
    s = await startSlack();
  });
  afterAll(() => s.close());
  beforeEach(() => {
    plan = scripts(s);
  });

  /** Cy asks in the channel for something that needs approval. */
  async function ask(command: string): Promise<string> {
    const key = `task-${++number}.`;
    plan(key, sh(command));
    const { ts, taken } = s.slack.say({ channel: s.general, from: s.cy, text: `${MENTION} ${key}` });
    await taken;
    return ts;
  }

  async function begin(command: string): Promise<{ ts: string; card: Posted }> {
    const ts = await ask(command);
    return { ts, card: await cardIn(ts) };
  }

  const cardIn = (ts: string): Promise<Posted> =>
    s.posted('the card', (one) => one.thread === ts && labels(one).includes(DENY));
  const made = (name: string): boolean => existsSync(join(s.folder.path, 'data/workspace', name));
  const answered = (ts: string): Promise<Posted> =>
    s.posted(
      'the answer',
      (one) => one.thread === ts && one.metadata !== undefined && wordsOf(one).includes('written answer'),
    );

  it('E27, E30: the card shows the exact command in the thread; approved, it runs and says so in place', async () => {
    const { ts, card } = await begin('mkdir made-27');
    expect(card.thread).toBe(ts);
    expect(labels(card)).toEqual([ONCE, 'Always allow this', DENY]);
    expect(wordsOf(card)).toMatch(/asked by Cy[\s\S]*expires/);
    const press = await s.slack.click(card, ONCE, s.ana);
    expect(press.attempts).toBe(1);
    await s.settled(card, 'Approved once by Ana — exit 0');
    await answered(ts);
    expect(made('made-27')).toBe(true);
  });

  it('E33: denied, nothing runs and the card says who denied', async () => {
    const { ts, card } = await begin('mkdir not-made-33');
    await s.slack.click(card, DENY, s.bo);
    await s.settled(card, 'Denied by Bo');
    await answered(ts);
    expect(made('not-made-33')).toBe(false);
  });

  it('E37, E38, F36: of two presses one counts; the other person hears who decided, alone', async () => {
    const { ts, card } = await begin('mkdir made-37');
    await Promise.all([s.slack.click(card, ONCE, s.ana), s.slack.click(card, ONCE, s.bo)]);
    await answered(ts);
    const events = await s.eventsOf(ts);
    expect(events.filter((event) => event.type === 'tool.started')).toHaveLength(1);
    const told = await until('the second to be told', () =>
      s.slack.state.ephemerals.find((one) => wordsOf(one).startsWith('Already decided: Approved once by')),
    );
    expect(told.thread).toBe(ts);
  });

  it('E39, F39, A5: somebody who may not decide is refused in private, and the request stays open', async () => {
    const { ts, card } = await begin('mkdir made-39');
    await s.slack.click(card, ONCE, s.cy);
    const refusal = await s.shown(s.cy, 'may not decide');
    expect(refusal.thread).toBe(ts);
    expect(labels(card)).toContain(ONCE);
    expect((await s.eventsOf(ts)).some((event) => event.type === 'approval.refused')).toBe(true);
    await s.slack.click(card, DENY, s.ana);
    await answered(ts);
  });

  it('E40, A1: forged and foreign payloads change nothing', async () => {
    const { ts, card } = await begin('mkdir not-made-40');
    const before = await s.eventsOf(ts);
    for (const value of ['forged', 'a1:o:AAAAAAAAAAAAAAAAAAAAAA', `s1:${'0'.repeat(25)}`, '__proto__'])
      await s.slack.clickValue(card, value, s.ana);
    expect((await s.eventsOf(ts)).length).toBe(before.length);
    await s.slack.click(card, DENY, s.ana);
    await answered(ts);
  });

  it('E44, F38: a press after kill -9 and restart counts, on the old card', async () => {
    const { ts, card } = await begin('mkdir made-44');
    await recorded(s.folder);
    await s.restart();
    await s.slack.click(card, ONCE, s.ana);
    await s.settled(card, 'Approved once by Ana — exit 0');
    await answered(ts);
    expect(made('made-44')).toBe(true);
  });

  it('the text form decides as the buttons do, typed in the thread', async () => {
    const { ts, card } = await begin('mkdir made-text');
    const id = String(
      (await s.eventsOf(ts)).find((event) => event.type === 'approval.requested')?.approvalId,
    );
    await s.slack.say({ channel: s.general, from: s.ana, text: `!approve ${id} once`, thread: ts }).taken;
    await s.settled(card, 'Approved once by Ana');
    await answered(ts);
  });

  it('E27, A8: an action of 5,000 characters is on the card in full', async () => {
    const command = `echo ${'padding '.repeat(625)}> made-5000`;
    const { ts, card } = await begin(command);
    expect(wordsOf(card)).toContain(command);
    await s.slack.click(card, DENY, s.ana);
    await answered(ts);
  });

  it('E27, A8: an action too long for a message is attached in full before it can be approved', async () => {
    const command = `echo ${'longer '.repeat(2000)}> made-long`;
    const { ts, card } = await begin(command);
    const file = [...s.slack.state.files.values()].find((one) => one.thread === ts);
    expect(file?.content.toString('utf8')).toBe(command);
    expect(wordsOf(card)).toContain('action.txt');
    expect(labels(card)).toContain(ONCE);
    await s.slack.click(card, DENY, s.ana);
    await s.settled(card, 'Denied by Ana');
    await answered(ts);
  });

  it('E27, A8: what can be neither shown nor attached has no way to approve it', async () => {
    s.slack.state.missing.add('files.getUploadURLExternal');
    const { ts, card } = await begin(`echo ${'longer '.repeat(2000)}> not-made`);
    s.slack.state.missing.clear();
    expect(labels(card)).toEqual([DENY]);
    await s.slack.click(card, DENY, s.ana);
    await answered(ts);
  });

  it('A9, A10: hidden characters are spelled out, and nothing breaks out of its block', async () => {
    const { ts, card } = await begin('echo safe \u202e```\n*bold* <!channel> > made-a9');
    expect(wordsOf(card)).toContain('\\u{202E}');
    expect(JSON.stringify(card.blocks)).not.toContain('mrkdwn');
    expect(card.text).not.toContain('<!channel>');
    await s.slack.click(card, DENY, s.ana);
    await answered(ts);
  });
});
