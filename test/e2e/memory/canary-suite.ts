/**
 * The canary suite of memory, for each database: facts told in private, in another conversation, in another workspace or by another
 * person, each with a colour of its own, and every way in which one could come back to light where it does not belong.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/gateway.ts';
import { BO_TOKEN, CY_TOKEN, configText } from '../support/scenario.ts';
import { type Place, textOf, type WebClient } from '../support/web-client.ts';
import { type Remembering, startRemembering, toStore } from './support.ts';

const ROLES =
  '  roles: { memory: { model: memory-model }, btw: { model: aside-model }, embedding: { model: vectors }, reflection: { model: reflection-model } }';
const YAML =
  'profiles: { ops: { agent: { workspace: data/other } } }\nroutes: [{ channel: web, conversation: "general", profile: ops }]';
const RECALL = 'memory: { enabled: true, recall: 50 }';

const COLOURS = [
  'heliotrope',
  'marigold',
  'saffron',
  'indigo',
  'vermilion',
  'cobalt',
  'ochre',
  'umber',
  'turquoise',
] as const;
type Learned = { skill: string | null; reasoning: string | null; rejected: object };
type Colour = (typeof COLOURS)[number];
/** What is not about one person is not for a reflection to see. */
const SHARED: readonly Colour[] = ['indigo', 'vermilion', 'cobalt', 'ochre'];

export function canaryRows(database: TestDatabase): void {
  describe(`A34, A35, E60: canaries on ${database.name}`, () => {
    let s: Remembering;
    let bo: WebClient;
    let cy: WebClient;
    let home: Place;
    let boHome: Place;
    let x: Place;
    let y: Place;
    const ops: Place = { conversation: 'general' };

    const told = async (who: WebClient, place: Place, colour: Colour, scope: string, more = '') => {
      s.decides(colour, toStore(`The secret colour here is ${colour}.`, { scope }));
      await who.answerTo(place, `Our secret colour is ${colour}.${more}`);
    };

    beforeAll(async () => {
      const storeUrl = await database.url();
      s = await startRemembering({ storeUrl });
      const reflection = '{ enabled: true }';
      s.folder.writeConfig(
        configText(s.model.url, { model: ROLES, yaml: YAML, storeUrl, reflection }).replace(
          /^memory: .*$/m,
          RECALL,
        ),
      );
      await s.restart();
      s.model.embed(() => [1, 0]);
      bo = await s.as(BO_TOKEN);
      cy = await s.as(CY_TOKEN);
      home = await s.owner.home();
      boHome = await bo.home();
      x = await s.owner.createConversation('X', true);
      y = await s.owner.createConversation('Y', true);
      // In private nothing can be for others, whatever the classifier wants.
      await told(s.owner, home, 'heliotrope', 'workspace');
      await told(bo, boHome, 'marigold', 'conversation');
      await told(s.owner, x, 'saffron', 'user');
      await told(s.owner, x, 'indigo', 'conversation');
      await told(s.owner, y, 'vermilion', 'conversation');
      await told(bo, x, 'cobalt', 'workspace', ' Crimson stays among us.');
      await told(s.owner, ops, 'ochre', 'workspace');
      await told(bo, ops, 'umber', 'user');
      await told(cy, y, 'turquoise', 'user');
      await until('all to be remembered', async () => (await s.memories()).length === COLOURS.length);
      await until(
        'all vectors',
        () => s.model.embedded.filter((text) => text.includes('secret colour here')).length === 9,
      );
      // Whatever shows below comes out of memory, not out of the history.
      for (const [who, place] of [
        [s.owner, home],
        [bo, boHome],
        [s.owner, x],
        [s.owner, y],
        [s.owner, ops],
      ] as const)
        await who.command(place, '/new');
    });
    afterAll(() => s.close());

    const seenIn = (text: string): Colour[] => COLOURS.filter((colour) => text.includes(colour));

    const cases: [string, () => [WebClient, Place], Colour[]][] = [
      ['the owner in private', () => [s.owner, home], ['heliotrope', 'saffron', 'cobalt']],
      ['Bo in private', () => [bo, boHome], ['marigold', 'cobalt', 'umber']],
      ['the owner in X', () => [s.owner, x], ['saffron', 'indigo', 'cobalt']],
      ['Bo in X', () => [bo, x], ['indigo', 'cobalt']],
      ['Cy in X', () => [cy, x], ['indigo', 'cobalt']],
      ['the owner in Y', () => [s.owner, y], ['vermilion', 'cobalt']],
      ['Cy in Y', () => [cy, y], ['vermilion', 'cobalt', 'turquoise']],
      ['the owner in another workspace', () => [s.owner, ops], ['ochre']],
      ['Bo in another workspace', () => [bo, ops], ['ochre', 'umber']],
    ];

    for (const [name, where, expected] of cases) {
      it(`${name}: prompt, tools, side question, reflection and /memory hold what belongs there and nothing else`, async () => {
        const [who, place] = where();
        const belongs = COLOURS.filter((colour) => expected.includes(colour));
        s.model.reset();
        s.answers(() => ({ text: 'fine' }));
        const asks = `${name} asks about the secret colour here.`;
        await s.tell(who, place, asks);
        // The classifier is shown what is known, to correct it: the same rules hold.
        expect(s.memoryCalls()).toHaveLength(1);
        expect(seenIn(s.memoryCalls()[0]?.text ?? '')).toEqual(belongs);
        const reflected = await until('the reflection', () =>
          s.reflectionCalls().find((call) => call.text.includes(asks)),
        );
        expect(seenIn(reflected.text)).toEqual(belongs.filter((colour) => !SHARED.includes(colour)));
        await who.command(place, '/new');
        s.model.reset();
        s.answers((call) =>
          call.messages.some((one) => one.role === 'tool')
            ? { text: 'done' }
            : {
                toolCalls: [
                  { name: 'recall', args: { query: 'secret colour', limit: 50 } },
                  { name: 'search_history', args: { query: 'secret colour', limit: 50 } },
                ],
              },
        );
        const question = `What is the secret colour for ${name}?`;
        await who.answerTo(place, question);
        const calls = s.mainCalls();
        expect(calls).toHaveLength(2);
        expect(seenIn(calls[0]?.text ?? '')).toEqual(belongs);
        const [recalled = '', history = ''] = (calls[1]?.messages ?? [])
          .filter((one) => one.role === 'tool')
          .map((one) => String(one.content));
        expect(seenIn(recalled)).toEqual(belongs);
        expect(seenIn(history)).toEqual([]);
        s.answers(() => ({ text: 'aside' }));
        await who.command(place, '/btw which secret colours do you know?');
        const aside = s.model.calls.findLast((call) => call.model === 'aside-model');
        expect(aside?.text).toContain(question);
        expect(seenIn(aside?.text ?? '')).toEqual([]);
        for (const command of ['/memory', '/memory search secret colour'])
          expect(seenIn(textOf((await who.command(place, command)).html))).toEqual(belongs);
      });
    }

    it('E59, E69: what was learned is found by meaning too, and so is what an operator’s undo puts back', async () => {
      const where = await s.owner.createConversation('Learning', false);
      const learning = async (words: string, change: object) => {
        s.reflects((call) => (call.text.includes(words) ? { memory: [change] } : { abstain: true }));
        await s.owner.answerTo(where, words);
      };
      const vectorsOf = (body: string) => s.model.embedded.filter((text) => text.includes(body)).length;
      const entry = { name: 'learned', description: 'learned', type: 'fact' };
      await learning('learn this', { op: 'add', ...entry, body: 'Learned at first.' });
      await until('its vector', () => vectorsOf('Learned at first.') === 1);
      await learning('learn more', { op: 'update', ...entry, body: 'Learned since.' });
      await until('its new vector', () => vectorsOf('Learned since.') === 1);
      const [last] = await s.folder.json<{ id: string }>('reflections', 'list', '--json');
      expect(await s.folder.look('reflections', 'undo', last?.id ?? '')).toMatchObject({ code: 0 });
      // Another process has asked for it; the next work of the gateway comes upon it.
      await s.owner.answerTo(where, 'and now?');
      await until('the vector of before', () => vectorsOf('Learned at first.') === 2);
      // What was said in private is in no entry that comes back in a shared conversation.
      const saffron = (await s.memories()).find((one) => one.body.includes('saffron'))?.name ?? '';
      s.reflects((call) => {
        const change = { op: 'update', name: saffron, body: 'Saffron, and in private crimson.' };
        return call.text.includes('say it in private') ? { memory: [change] } : { abstain: true };
      });
      await s.owner.answerTo(home, 'say it in private');
      const refused = () => s.folder.json<{ rejected: object }>('reflections', 'list', '--json');
      await until('the refusal', async () =>
        JSON.stringify((await refused())[0]?.rejected).includes('elsewhere'),
      );
      expect(await s.promptFor(s.owner, x, 'Which saffron was it?')).not.toContain('crimson');
      // What was learned in one place is not shown where others read along.
      const show = async (place: Place, verb: string) =>
        textOf((await s.owner.command(place, `/reflections ${verb} ${last?.id}`)).html);
      for (const verb of ['show', 'undo', 'keep', 'dismiss'])
        expect(await show(x, verb)).toMatch(/^That was learned from work in another place/);
      for (const place of [where, home]) expect(await show(place, 'show')).toContain('Learned since.');
      await s.owner.command(where, '/memory forget learned');
    });

    it('A35, E66: what a skill has learned in private, or in another conversation, is in no prompt and no answer elsewhere', async () => {
      const learning = async (place: Place, name: string, body: string, rejected = {}) => {
        const words = `Use ${name}: ${body}`;
        s.reflects((call) => ({
          reasoning: words,
          skill: call.text.includes(words) ? { name, body } : null,
        }));
        await s.owner.answerTo(place, words);
        const learned = await until(words, async () => {
          const [latest] = await s.folder.json<Learned>('reflections', 'list', '--json');
          return latest?.reasoning === words && latest;
        });
        expect(learned).toMatchObject({ skill: name, rejected });
        await s.owner.command(place, '/new');
      };
      await learning(home, 'release-notes', 'Mention periwinkle.');
      await learning(x, 'weekly-update', 'Mention celadon.');
      // One edit of a skill a day, wherever it is.
      await learning(x, 'release-notes', 'Mention nothing.', { cooldown: 1 });
      const learned = (text: string) => ['periwinkle', 'celadon'].filter((word) => text.includes(word));
      const cases: [WebClient, Place, string[]][] = [
        [s.owner, home, ['periwinkle', 'celadon']],
        [s.owner, x, ['celadon']],
        [bo, x, []],
        [s.owner, y, []],
        [s.owner, ops, []],
        [bo, boHome, []],
      ];
      const names = ['weekly-update', 'release-notes'];
      for (const [who, place, expected] of cases) {
        s.model.reset();
        s.reflects(() => ({ abstain: true }));
        const loads = names.map((name) => ({ name: 'run_skill', args: { name } }));
        s.answers((call) =>
          call.messages.some((one) => one.role === 'tool') ? { text: 'done' } : { toolCalls: loads },
        );
        await who.answerTo(place, 'Follow release-notes and weekly-update.');
        const calls = s.mainCalls();
        expect(calls).toHaveLength(2);
        for (const { text } of calls) expect(learned(text)).toEqual(expected);
        const tools = (calls[1]?.messages ?? []).filter((one) => one.role === 'tool');
        expect(learned(JSON.stringify(tools))).toEqual(expected);
        // What was used last is what a reflection is shown.
        const reflected = await until('the reflection', () => s.reflectionCalls()[0]);
        expect(learned(reflected.text)).toEqual(expected.filter((word) => word === 'periwinkle'));
        s.answers(() => ({ text: 'aside' }));
        await who.command(place, '/btw what do your skills mention?');
        expect(learned(s.model.calls.findLast((call) => call.model === 'aside-model')?.text ?? '')).toEqual(
          [],
        );
        const shown = await Promise.all(names.map((name) => who.command(place, `/skills show ${name}`)));
        expect(learned(shown.map(({ html }) => textOf(html)).join())).toEqual(expected);
        await who.command(place, '/new');
      }
    });

    it('what belongs to others cannot be shown, forgotten or exported by its id', async () => {
      const all = await s.memories();
      const idOf = (colour: Colour) => all.find((one) => one.body.includes(colour))?.id ?? '';
      for (const colour of ['heliotrope', 'saffron', 'vermilion', 'ochre'] as const) {
        for (const verb of ['show', 'forget']) {
          const reply = textOf((await bo.command(boHome, `/memory ${verb} ${idOf(colour)}`)).html);
          expect(reply).toContain('I know no entry');
          expect(seenIn(reply)).toEqual([]);
        }
      }
      // What is kept for all is all that others see of the message it was taken from.
      const show = async (who: WebClient, place: Place) =>
        textOf((await who.command(place, `/memory show ${idOf('cobalt')}`)).html);
      for (const reply of [await show(s.owner, y), await show(s.owner, home)]) {
        expect(reply).toContain('colour here is cobalt');
        expect(reply).not.toContain('Crimson');
      }
      for (const reply of [await show(s.owner, x), await show(bo, boHome)])
        expect(reply).toContain('Crimson');
      expect(textOf((await bo.command(x, `/memory forget ${idOf('indigo')}`)).html)).toMatch(
        /only they or an admin/,
      );
      expect(textOf((await bo.command(boHome, '/memory export web:owner')).html)).toMatch(/Only an admin/);
      expect(textOf((await bo.command(boHome, '/memory erase web:owner')).html)).toMatch(/Only an admin/);
      expect(textOf((await s.owner.command(x, '/memory export')).html)).toMatch(/private chat/);
      expect(await s.memories()).toEqual(all);
    });
  });
}
