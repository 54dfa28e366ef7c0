/** `/memory`, `parley memory` and the memory tools, as people use them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, until } from '../support/gateway.ts';
import { BO_TOKEN, ONCE, OWNER_TOKEN } from '../support/scenario.ts';
import { type Place, signIn, textOf, type WebClient } from '../support/web-client.ts';
import { type Remembering, startRemembering, toStore } from './support.ts';

describe('memory in hand', () => {
  let s: Remembering;
  let bo: WebClient;
  beforeAll(async () => {
    s = await startRemembering();
    bo = await s.as(BO_TOKEN);
  });
  afterAll(() => s.close());

  const say = async (who: WebClient, place: Place, text: string) =>
    textOf((await who.command(place, text)).html);

  it('/memory adds, lists, searches, shows the source and forgets; the next prompt no longer holds it', async () => {
    const home = await s.owner.home();
    expect(await say(s.owner, home, '/memory')).toMatch(/remember nothing/);
    s.decides('peppermint', toStore('The owner drinks peppermint tea.'));
    await s.tell(s.owner, home, 'I drink peppermint tea.');
    expect(await say(s.owner, home, '/memory add The owner is called Olive.')).toMatch(
      /remember that, for you/,
    );
    const list = await say(s.owner, home, '/memory');
    expect(list).toMatch(/called Olive[\s\S]*peppermint/);
    expect(await say(s.owner, home, '/memory search tea')).not.toContain('Olive');
    const { id } = (await s.memories()).find((one) => one.body.includes('peppermint')) ?? { id: '' };
    const shown = await say(s.owner, home, `/memory show ${id}`);
    expect(shown).toMatch(/Said by web:owner[\s\S]*Source: turn \w+, event 1[\s\S]*I drink peppermint tea\./);
    expect(await s.promptFor(s.owner, home, 'Tea?')).toContain('drinks peppermint');
    expect(await say(s.owner, home, '/memory forget the-owner-drinks-peppermint-tea')).toMatch(/Forgotten/);
    await s.owner.command(home, '/new');
    const prompt = await s.promptFor(s.owner, home, 'Tea again?');
    expect(prompt).toContain('called Olive');
    expect(prompt).not.toContain('peppermint');
    expect(await say(s.owner, home, '/memory dance')).toMatch(/Usage/);
    expect(await say(s.owner, home, '/memory constructor')).toMatch(/Usage/);
  });

  it('A30, P10: a secret is kept neither by command nor by tool nor by the classifier', async () => {
    const home = await s.owner.home();
    expect(await say(s.owner, home, '/memory add the wifi password is hunter2hunter2')).toMatch(
      /it holds a password/,
    );
    expect(await say(s.owner, home, '/memory add our key: test-model-key')).toMatch(
      /it holds a (secret|password)/,
    );
    s.decides('deploy token', toStore('The deploy token is ghp_16charactersorMore123456.'));
    const events = await s.tell(s.owner, home, 'Here is the deploy token, remember it.');
    expect(events.at(-1)).toMatchObject({ type: 'memory.decided', shouldStore: false, summary: null });
    expect(JSON.stringify(events)).not.toContain('ghp_16');
    expect(JSON.stringify(await s.memories())).not.toMatch(/hunter2|test-model-key|ghp_16/);
  });

  it('the tool remember asks with the whole text, and keeps it once approved; recall finds it', async () => {
    const place = await s.owner.createConversation('Tools', true);
    const text = 'The release train leaves on Thursdays.';
    s.answers((call) =>
      call.messages.some((one) => one.role === 'tool')
        ? { text: 'kept' }
        : { toolCalls: [{ name: 'remember', args: { text, scope: 'workspace' } }] },
    );
    await s.owner.post(place, 'Remember when the release train leaves');
    const card = await s.owner.card(place, text);
    expect(card.card?.action.text).toContain('for everybody in this workspace');
    expect((await s.memories()).some((one) => one.body === text)).toBe(false);
    await s.owner.press(place, card, ONCE);
    await until('the entry', async () => (await s.memories()).some((one) => one.body === text));
    s.answers(() => ({ text: 'fine' }));
    expect(await s.promptFor(bo, await bo.home(), 'When is the release?')).toContain(text);
  });

  it('search_history finds what was said here and nothing of elsewhere, in Japanese too', async () => {
    const place = await s.owner.createConversation('History', false);
    const other = await s.owner.createConversation('Other', false);
    await s.owner.answerTo(other, '会議は別の金曜日です');
    await s.owner.answerTo(place, '会議は金曜日の三時です');
    await s.owner.answerTo(place, 'And the budget is 4,200 euros.');
    s.answers((call) =>
      call.messages.some((one) => one.role === 'tool')
        ? { text: 'found' }
        : {
            toolCalls: ['金曜日', 'BUDGET euros', 'nowhere'].map((query) => ({
              name: 'search_history',
              args: { query },
            })),
          },
    );
    await s.owner.answerTo(place, 'look it up');
    const results = (s.mainCalls().at(-1)?.messages ?? []).filter((one) => one.role === 'tool');
    s.answers(() => ({ text: 'fine' }));
    expect(String(results[0]?.content)).toMatch(
      /\[\d{4}-\d\d-\d\d \d\d:\d\d\] .*会議は金曜日の三時です\nanswer: fine/,
    );
    expect(String(results[0]?.content)).not.toContain('別の');
    expect(String(results[1]?.content)).toContain('4,200 euros');
    expect(String(results[2]?.content)).toContain('Nothing that was said here');
  });

  it('parley memory lists, searches, shows, adds, exports, forgets and erases, beside the live gateway', async () => {
    const cli = (...args: string[]) => s.folder.look('memory', ...args);
    const added = await cli('add', 'Bo plays the violin.', '--scope', 'user', '--owner', 'web:bo');
    expect(added).toMatchObject({ code: 0, stderr: '' });
    const id = added.stdout.trim();
    const rows = await s.folder.json<object>('memory', 'list', '--json');
    expect(rows).toContainEqual(
      expect.objectContaining({
        id,
        scope: 'user',
        owner: 'web:bo',
        name: 'bo-plays-the-violin',
        body: 'Bo plays the violin.',
        source: null,
      }),
    );
    expect(await s.promptFor(bo, await bo.home(), 'Which instrument?')).toContain('plays the violin');
    expect((await cli('search', 'VIOLIN')).stdout).toContain(id);
    expect((await cli('search', 'trumpet')).code).toBe(1);
    expect((await cli('show', id)).stdout).toContain('body: Bo plays the violin.');
    expect((await cli('add', 'x', '--scope', 'planet', '--owner', 'y')).code).toBe(2);
    expect((await cli('forget', 'nothing')).code).toBe(1);
    const own = await s.folder.json<{ id: string }>('memory', 'export', '--user', 'web:bo');
    expect(own.map((one) => one.id)).toEqual([id]);
    expect((await cli('forget', id)).code).toBe(0);
    await cli('add', 'Bo plays the violoncello.', '--scope', 'user', '--owner', 'web:bo');
    expect((await cli('erase', 'web:bo')).stdout).toContain('Erased 1 entry');
    expect(await s.folder.json('memory', 'list', '--user', 'web:bo', '--json')).toEqual([]);
    await bo.command(await bo.home(), '/new');
    expect(await s.promptFor(bo, await bo.home(), 'And now?')).not.toMatch(/violin|violoncello/);
  });

  it('what was erased is in the file of the database no more, nor are its grams in the index', async () => {
    const cli = (...args: string[]) => s.folder.look('memory', ...args);
    const file = join(s.folder.path, 'data/parley.db');
    const indexed = (): unknown => {
      const database = new Database(file);
      database.exec('create virtual table temp.grams using fts5vocab(main, memory_grams, row)');
      const count = database.prepare(`select count(*) from temp.grams where term like '%quo'`).pluck().get();
      database.close();
      return count;
    };
    await cli('add', 'The quokkafroop is at home.', '--scope', 'user', '--owner', 'web:bo');
    expect(indexed()).toBe(1);
    await cli('erase', 'web:bo');
    await s.gateway.stop();
    expect(readFileSync(file).includes('quokkafroop')).toBe(false);
    expect(indexed()).toBe(0);
    await s.restart();
  });
});

describe('the demo model', () => {
  it('remembers what it is told to, word for word, shows it, and remembers nothing else', async () => {
    const folder = createFolder();
    folder.writeConfig(`server: { port: 0, token: ${OWNER_TOKEN} }\n`);
    const gateway = await folder.start();
    try {
      const owner = await signIn(gateway.url, OWNER_TOKEN);
      const home = await owner.home();
      await owner.answerTo(home, 'Hello, I am Olive.');
      await owner.answerTo(home, 'Please remember that I drink tea');
      await until('the entry', async () => {
        const { stdout } = await folder.look('memory', 'list', '--json');
        return stdout.includes('I drink tea');
      });
      const list = textOf((await owner.command(home, '/memory')).html);
      expect(list).toContain('I drink tea');
      expect(list).not.toContain('Olive');
      expect(textOf((await owner.answerTo(home, 'What do I drink?')).html)).toContain('I drink tea');
      owner.close();
    } finally {
      await gateway.kill();
      folder.remove();
    }
  });

  it('shows a lesson that can be taken back, a skill, and several requests on one card', async () => {
    const folder = createFolder();
    folder.writeConfig(`server: { port: 0, token: ${OWNER_TOKEN} }\naccess: { approvers: ["web:owner"] }\n`);
    const gateway = await folder.start();
    try {
      const owner = await signIn(gateway.url, OWNER_TOKEN);
      const home = await owner.home();
      await owner.answerTo(home, 'next time, answer in French');
      const learned = await until('the lesson', async () =>
        (await folder.json<{ id: string; lesson: object | null }>('reflections', 'list', '--json')).find(
          (one) => one.lesson !== null,
        ),
      );
      const shown = await owner.command(home, `/reflections show ${learned.id}`);
      expect(textOf(shown.html)).toContain('+ answer in French');
      expect(textOf((await owner.command(home, `/reflections undo ${learned.id}`)).html)).toContain('Undone');
      const loaded = await owner.answerTo(home, 'use the skill release-notes');
      expect(textOf(loaded.html)).toContain('Leave out what no user notices');
      await owner.post(home, 'run `mkdir a`, `mkdir b` and `mkdir c`');
      const batch = await owner.card(home, '3 of 3: Run this command?\nmkdir c');
      await owner.press(home, batch, 'Approve all 3 once');
      await until('the answer', () =>
        owner
          .posts()
          .find((post) => post.kind === 'answer' && textOf(post.html).match(/no output/g)?.length === 3),
      );
      owner.close();
    } finally {
      await gateway.kill();
      folder.remove();
    }
  });
});
