/** Forgetting, for each database: out of every copy that can be shown, and out of reach of every way back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Reflecting, startReflecting } from '../reflection/support.ts';
import type { TestDatabase } from '../support/database.ts';
import { BO_TOKEN, CY_TOKEN } from '../support/scenario.ts';
import { type Place, textOf, type WebClient } from '../support/web-client.ts';

const PEOPLE = '{ olive: ["web:owner", "web:bo"] }';

export function forgettingRows(database: TestDatabase): void {
  describe(`forgetting on ${database.name}`, () => {
    let s: Reflecting;
    let home: Place;
    beforeAll(async () => {
      s = await startReflecting({ storeUrl: await database.url(), people: PEOPLE, memory: true });
      home = await s.owner.home();
    });
    afterAll(() => s.close());

    const say = async (who: WebClient, text: string) =>
      textOf((await who.command(await who.home(), text)).html);
    const bodies = async () => (await s.memories()).map(({ body }) => body);
    const add = (name: string, body: string) => ({ op: 'add', name, description: name, type: 'fact', body });

    it('A34, E69: what is forgotten, and what went into it, is in no diff, and no undo brings it back', async () => {
      s.learns('seed', {
        reasoning: 'size 46',
        memory: [add('size', 'Size 46.'), add('cats', 'Likes cats.')],
      });
      s.learns('merge', {
        memory: [
          { op: 'merge', name: 'size', mergeTarget: 'cats', body: 'Likes cats, size 46.' },
          add('tea', 'Likes tea.'),
        ],
      });
      const seeded = await s.work(s.owner, home, 'seed');
      const merged = await s.work(s.owner, home, 'merge');
      expect((await bodies()).toSorted()).toEqual(['Likes cats, size 46.', 'Likes tea.']);
      const cats = (await s.memories()).find(({ name }) => name === 'cats');
      expect(await say(s.owner, `/memory forget ${cats?.id}`)).toContain('Forgotten');
      for (const { id } of [merged, seeded]) {
        expect(await say(s.owner, `/reflections show ${id}`)).not.toMatch(/46|cats/);
        const shown = await s.folder.look('reflections', 'show', id);
        expect(shown.stdout).not.toMatch(/46|cats/i);
        await say(s.owner, `/reflections undo ${id}`);
      }
      // The rest of it was undone as ever.
      expect(await bodies()).toEqual([]);
    });

    it('A34: an entry that only what was learned still knows can be forgotten too, by its person alone', async () => {
      s.learns('a plum', { memory: [add('plum', 'Likes plums.')] });
      s.learns('no plum', { memory: [{ op: 'remove', name: 'plum' }] });
      await s.work(s.owner, home, 'a plum');
      const removed = await s.work(s.owner, home, 'no plum');
      const cy = await s.as(CY_TOKEN);
      expect(await say(cy, '/memory forget plum')).toContain('I know no entry');
      expect(await say(s.owner, `/reflections show ${removed.id}`)).toContain('plums');
      expect(await say(s.owner, '/memory forget plum')).toContain('Forgotten');
      expect(await say(s.owner, `/reflections show ${removed.id}`)).not.toContain('plums');
      await say(s.owner, `/reflections undo ${removed.id}`);
      expect(await bodies()).toEqual([]);
    });

    it('A34: a person who has several accounts is exported and erased with all of them, and nobody else', async () => {
      const [bo, cy] = [await s.as(BO_TOKEN), await s.as(CY_TOKEN)];
      const addAll = async () => {
        await say(s.owner, '/memory add Olive at home likes figs.');
        await say(bo, '/memory add Olive at work likes dates.');
      };
      await addAll();
      await say(cy, '/memory add Cyril likes nuts.');
      const operators = await s.folder.look('memory', 'export', '--user', 'web:bo');
      for (const exported of [await say(bo, '/memory export'), operators.stdout]) {
        expect(exported).toContain('figs');
        expect(exported).toContain('dates');
        expect(exported).not.toContain('nuts');
      }
      // What was learned from the work of one account is listed for the other.
      const learned = await s.work(s.owner, home, 'something');
      expect(await say(bo, '/reflections')).toContain(learned.id);
      expect(await say(cy, '/reflections')).not.toContain(learned.id);
      expect(await say(bo, '/memory erase me')).toContain('Erased 2 entries about web:owner, web:bo');
      expect(await bodies()).toEqual(['Cyril likes nuts.']);
      await addAll();
      const { stdout } = await s.folder.look('memory', 'erase', 'web:owner');
      expect(stdout).toContain('Erased 2 entries about web:owner, web:bo');
      expect(await bodies()).toEqual(['Cyril likes nuts.']);
    });

    const promptFor = async (text: string) => {
      await s.work(s.owner, home, text);
      return s.model.calls.find((call) => call.model === 'scripted' && call.question === text)?.text ?? '';
    };

    it('a lesson is in later prompts of its kind, and dropped once it has hurt twice', async () => {
      const lesson = {
        summary: 'deploy on Fridays',
        reusableLesson: 'Never deploy on Fridays without asking.',
      };
      s.learns('the deploy went wrong', { lesson });
      const [first] = [await s.work(s.owner, home, 'the deploy went wrong')];
      expect(first).toMatchObject({ outcome: 'succeeded', state: 'applied', memoryChanges: 0 });
      const name = 'deploy-on-fridays';
      const judged = (effect: string) => ({ lessons: [{ name, effect }] });
      s.learns('deploy on Fridays, first', judged('helpful'));
      expect(await promptFor('deploy on Fridays, first')).toContain('Never deploy on Fridays');
      s.learns('deploy on Fridays, second', judged('harmful'));
      expect(await promptFor('deploy on Fridays, second')).toContain('Never deploy on Fridays');
      expect((await s.memories()).some((one) => one.name === name)).toBe(true);
      expect(await say(s.owner, `/memory show ${name}`)).toContain('it helped 1 × and hurt 1 ×');
      s.learns('deploy on Fridays, last', judged('harmful'));
      expect(await promptFor('deploy on Fridays, last')).toContain('Never deploy on Fridays');
      expect((await s.memories()).some((one) => one.name === name)).toBe(false);
      expect(await promptFor('deploy on Fridays, after that')).not.toContain('Never deploy on Fridays');
    });

    it('A34, A35: a lesson learned with one person is in no prompt of another', async () => {
      s.learns('my own way', {
        lesson: { summary: 'own way of tea', reusableLesson: 'Heliotrope tea is best.' },
      });
      await s.work(s.owner, home, 'my own way');
      const cy = await s.as(CY_TOKEN);
      await cy.answerTo(await cy.home(), 'own way of tea?');
      expect(s.model.calls.find((call) => call.question === 'own way of tea?')?.text).not.toContain(
        'Heliotrope',
      );
      expect(await promptFor('own way of tea again')).toContain('Heliotrope');
    });
  });
}
