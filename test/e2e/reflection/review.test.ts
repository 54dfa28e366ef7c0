/** Learning with a person's yes, and skills as people use them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/gateway.ts';
import { BO_TOKEN } from '../support/scenario.ts';
import { type Place, textOf, type WebClient } from '../support/web-client.ts';
import { add, type Reflecting, startReflecting } from './support.ts';

describe('reflection with review', () => {
  let s: Reflecting;
  let bo: WebClient;
  let place: Place;
  beforeAll(async () => {
    s = await startReflecting({ reflection: '{ enabled: true, review: true, store_raw: true }' });
    bo = await s.as(BO_TOKEN);
    place = await s.owner.home();
  });
  afterAll(() => s.close());

  const proposed = async (words: string, entry: string) => {
    s.learns(words, { reasoning: 'You said so.', memory: [add(entry, `Body of ${entry}.`)] });
    const row = await s.work(s.owner, place, words);
    const card = await until('the card', () =>
      s.owner.posts().findLast((post) => post.card?.title === 'Learn this?' && post.buttons.length > 0),
    );
    return { row, card };
  };
  const settled = (id: string, text: string) =>
    until('the outcome on the card', () =>
      s.owner.posts().find((post) => post.id === id && post.card?.outcome?.includes(text)),
    );

  it('changes nothing before the person said yes; the card shows all of it; restarts do not matter', async () => {
    const { row, card } = await proposed('keep me', 'kept');
    expect(row).toMatchObject({
      state: 'staged',
      outcome: 'succeeded',
      raw: expect.stringContaining('kept'),
    });
    expect(card.card?.action.text).toBe('memory kept\n+ Body of kept.');
    expect(await s.memories()).toEqual([]);
    await s.restart();
    await s.owner.press(place, card, 'Keep');
    await settled(card.id, 'Kept by Owner');
    expect((await s.memories()).map((one) => one.name)).toEqual(['kept']);
    expect((await s.rows())[0]?.state).toBe('applied');
  });

  it('dismisses, once and for all', async () => {
    const { row, card } = await proposed('dismiss me', 'dismissed');
    await s.owner.press(place, card, 'Dismiss');
    await settled(card.id, 'Dismissed by Owner');
    const late = await s.owner.command(place, `/reflections keep ${row.id}`);
    expect(textOf(late.html)).toContain('dismissed already');
    expect((await s.memories()).map((one) => one.name)).toEqual(['kept']);
  });

  it('A5: is nobody else’s to decide or to see, and the text form does as the buttons do', async () => {
    const { row } = await proposed('mine alone', 'mine');
    const boHome = await bo.home();
    for (const verb of ['keep', 'dismiss', 'show', 'undo'])
      expect(textOf((await bo.command(boHome, `/reflections ${verb} ${row.id}`)).html)).toMatch(
        /Only the person|no such reflection/,
      );
    expect(textOf((await bo.command(boHome, '/reflections')).html)).toContain('not looked back');
    await s.owner.command(place, `/reflections keep ${row.id}`);
    await until('the entry', async () => (await s.memories()).some((one) => one.name === 'mine'));
    await s.owner.command(place, `/reflections undo ${row.id}`);
    expect((await s.memories()).some((one) => one.name === 'mine')).toBe(false);
  });

  it('erasing a person takes what was learned about them along', async () => {
    const erased = await s.folder.look('memory', 'erase', 'web:owner');
    expect(erased.code).toBe(0);
    expect(await s.rows()).toEqual([]);
  });
});

describe('skills', () => {
  let s: Reflecting;
  let place: Place;
  beforeAll(async () => {
    s = await startReflecting({ reflection: '{ enabled: true, skill_edit_cooldown: 1ms }' });
    place = await s.owner.home();
  });
  afterAll(() => s.close());
  const command = async (text: string) => textOf((await s.owner.command(place, text)).html);
  const cli = (...args: string[]) => s.folder.look('skills', ...args);
  const lastPrompt = async (text: string) => {
    await s.owner.answerTo(place, text);
    return s.model.calls.filter((call) => call.model === 'scripted' && call.text.includes(text));
  };

  it('are named in the prompt, loaded by a tool and then followed, and the one in use is what is reflected on', async () => {
    const loads = (file?: string) => ({
      toolCalls: [
        { name: 'run_skill', args: { name: 'incident-report', ...(file === undefined ? {} : { file }) } },
      ],
    });
    s.answers('write it up', loads(), loads('template.md'), { text: 'written' });
    s.learns('write it up', { skill: { name: 'incident-report', body: '# Shorter\n' } });
    const row = await s.work(s.owner, place, 'write it up');
    expect(row).toMatchObject({ skill: 'incident-report', skillEdited: true });
    const [first, second, third] = s.model.calls.filter((call) => call.model === 'scripted');
    expect(first?.text).toContain('- incident-report: Writes up an incident');
    expect(first?.text).not.toContain('Blame appears nowhere');
    expect(second?.text).toContain('action 1 run_skill:\n');
    expect(second?.text).toContain('Blame appears nowhere');
    expect(third?.text).toContain('# TITLE');
    const reflected = s.calls().find((call) => call.text.includes('write it up'));
    expect(reflected?.text).toContain('<untrusted source="skill incident-report">');
    // One that the message names is in the prompt at once, and as much in use.
    expect(await s.work(s.owner, place, 'write the weekly-update')).toMatchObject({ skill: 'weekly-update' });
  });

  it('a copy is got whole: as text in chat, and as a folder in the Agent Skills format', async () => {
    const builtIn = (file: string) => readFileSync(join('config/skills/incident-report', file), 'utf8');
    const front = /^---\n[\s\S]*?\n---\n/.exec(builtIn('SKILL.md'))?.[0];
    const own = `${front}# Shorter\n`;
    expect(await command('/skills export incident-report')).toContain(own.trim());
    expect(await command('/skills show incident-report')).toContain('Files beside it: template.md');
    expect(await cli('show', 'incident-report', '--owner', 'web:owner')).toMatchObject({
      code: 0,
      stdout: own,
    });
    expect((await cli('show', 'incident-report')).stdout).toBe(builtIn('SKILL.md'));
    expect((await cli('show', 'nothing')).code).toBe(1);
    const origins = async (...args: string[]) =>
      (await s.folder.json<{ origin: string }>('skills', 'list', '--json', ...args)).map((one) => one.origin);
    expect(await origins()).toEqual(Array(5).fill('built-in'));
    expect((await origins('--owner', 'web:owner')).filter((origin) => origin === 'own')).toHaveLength(1);
    const folder = join(s.folder.path, 'copies');
    const exported = () => cli('export', folder, '--owner', 'web:owner');
    expect(await exported()).toMatchObject({ code: 0, stdout: `${join(folder, 'incident-report')}\n` });
    expect(readdirSync(folder)).toEqual(['incident-report']);
    const written = (file: string) => readFileSync(join(folder, 'incident-report', file), 'utf8');
    expect(written('SKILL.md')).toBe(own);
    expect(written('template.md')).toBe(builtIn('template.md'));
    expect(await exported()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing was written'),
    });
    expect((await cli('export', join(folder, 'of-bo'), '--owner', 'web:bo')).code).toBe(1);
    expect((await cli('export', folder)).code).toBe(2);
  });

  it('can be listed, shown, switched off and set back by each person', async () => {
    expect(await command('/skills')).toContain('incident-report (your private copy)');
    expect(await command('/skills show incident-report')).toContain('Shorter');
    expect(await command('/skills reset incident-report')).toContain('back to how it came');
    expect(await command('/skills show incident-report')).toContain('Blame appears nowhere');
    expect(await command('/skills disable incident-report')).toContain('is off');
    expect((await lastPrompt('without it'))[0]?.text).not.toContain('- incident-report');
    s.answers('try it anyway', { toolCalls: [{ name: 'run_skill', args: { name: 'incident-report' } }] });
    expect((await lastPrompt('try it anyway')).at(-1)?.text).toContain('There is no skill "incident-report"');
    await command('/skills enable incident-report');
    expect((await lastPrompt('with it'))[0]?.text).toContain('- incident-report');
  });

  it('A35: a copy is spoken of where it was learned and in private, where it is said which one is in force', async () => {
    const shared = await s.owner.createConversation('Shared', true);
    const here = async (text: string) => textOf((await s.owner.command(shared, text)).html);
    const learn = async (where: Place, name: string, body: string) => {
      const words = `use ${name} for ${body}`;
      s.learns(words, { skill: { name, body } });
      expect(await s.work(s.owner, where, words)).toMatchObject({ skillEdited: true });
    };
    await learn(place, 'meeting-minutes', 'At home.');
    for (const verb of ['show', 'export'])
      expect(await here(`/skills ${verb} meeting-minutes`)).not.toContain('At home.');
    expect(await here('/skills')).toContain('meeting-minutes: ');
    expect(await here('/skills reset meeting-minutes')).toBe('meeting-minutes is back to how it came.');
    await learn(shared, 'meeting-minutes', 'Among others.');
    expect(await here('/skills')).toContain('meeting-minutes (your copy here)');
    expect(await here('/skills export meeting-minutes')).toContain('Among others.');
    const copies = await s.folder.json<{ name: string; place: string }>(
      ...['skills', 'list', '--owner', 'web:owner', '--json'],
    );
    const places = copies.filter(({ name }) => name === 'meeting-minutes').map((one) => one.place);
    expect(places).toEqual(['private', expect.stringMatching(/^web\//)]);
    const options = ['--owner', 'web:owner', '--place', places[1] ?? ''];
    expect((await cli('list', '--owner', 'web:owner')).stdout).toContain(places[1]);
    expect((await cli('show', 'meeting-minutes', ...options)).stdout).toContain('Among others.');
    const folder = join(s.folder.path, 'of-shared');
    expect((await cli('export', folder, ...options)).code).toBe(0);
    expect(readFileSync(join(folder, 'meeting-minutes/SKILL.md'), 'utf8')).toContain('Among others.');
    expect(await command('/skills')).toContain('meeting-minutes (your private copy)');
    expect(await command('/skills show meeting-minutes')).toContain('At home.');
    expect(await command('/skills reset meeting-minutes')).toBe(
      'That copy of meeting-minutes is gone, and your copy from a shared conversation is in force. /skills reset meeting-minutes takes that one back too.',
    );
    expect(await command('/skills show meeting-minutes')).toMatch(/shared conversation[\s\S]*Among others\./);
    expect(await command('/skills reset meeting-minutes')).toContain('back to how it came');
    expect(await here('/skills show meeting-minutes')).not.toContain('Among others.');
  });

  it('says what is wrong with a command', async () => {
    expect(await command('/skills show')).toContain('Usage');
    expect(await command('/skills show nothing')).toContain('There is no skill nothing');
    expect(await command('/skills burn code-review')).toContain('Usage');
  });
});
