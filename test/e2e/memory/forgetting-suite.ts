/** Forgetting, for each database: out of every copy that can be shown, and out of reach of every way back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Reflecting, startReflecting } from '../reflection/support.ts';
import type { TestDatabase } from '../support/database.ts';
import { BO_TOKEN, CY_TOKEN, configText } from '../support/scenario.ts';
import { textOf, type WebClient } from '../support/web-client.ts';

const PEOPLE = 'people: { olive: ["web:owner", "web:bo"] }';

export function forgettingRows(database: TestDatabase): void {
  describe(`forgetting on ${database.name}`, () => {
    let s: Reflecting;
    beforeAll(async () => {
      const storeUrl = await database.url();
      s = await startReflecting({ storeUrl });
      s.folder.writeConfig(
        configText(s.model.url, { reflection: '{ enabled: true }', model: s.roles, storeUrl }).replace(
          /^access: \{/m,
          `access: { ${PEOPLE},`,
        ),
      );
      await s.restart();
    });
    afterAll(() => s.close());

    const say = async (who: WebClient, text: string) =>
      textOf((await who.command(await who.home(), text)).html);
    const bodies = async () => (await s.memories()).map(({ body }) => body);
    const add = (name: string, body: string) => ({ op: 'add', name, description: name, type: 'fact', body });

    it('A34, E69: what is forgotten, and what went into it, is in no diff, and no undo brings it back', async () => {
      const home = await s.owner.home();
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
      const home = await s.owner.home();
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
      const exported = await say(bo, '/memory export');
      expect(exported).toContain('figs');
      expect(exported).toContain('dates');
      expect(await say(bo, '/memory erase me')).toContain('Erased 2 entries about web:owner, web:bo');
      expect(await bodies()).toEqual(['Cyril likes nuts.']);
      await addAll();
      const { stdout } = await s.folder.look('memory', 'erase', 'web:owner');
      expect(stdout).toContain('Erased 2 entries about web:owner, web:bo');
      expect(await bodies()).toEqual(['Cyril likes nuts.']);
    });
  });
}
