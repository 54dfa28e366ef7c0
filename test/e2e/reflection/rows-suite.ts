/** ENGINE.md rows 61 to 72 through the real program, for each database. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelCall } from '../../fakes/model-server.ts';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/gateway.ts';
import { BO_TOKEN, configText, gate, sh } from '../support/scenario.ts';
import { type Place, textOf } from '../support/web-client.ts';
import { snapshotRows } from './snapshot-suite.ts';
import { add, memory, type Reflecting, startReflecting } from './support.ts';

export function reflectionRows(database: TestDatabase): void {
  describe(`reflection on ${database.name}`, () => {
    let s: Reflecting;
    let place: Place;
    let storeUrl: string;
    beforeAll(async () => {
      storeUrl = await database.url();
      s = await startReflecting({ storeUrl });
      place = await s.owner.home();
    });
    afterAll(() => s.close());

    const activityIn = (call: ModelCall | undefined) =>
      /<untrusted source="activity">\n([\s\S]*?)\n<\/untrusted>/.exec(call?.text ?? '')?.[1] ?? '';
    const named = async (entry: string) => (await s.memories()).find((one) => one.name === entry);

    it('E61: the reply is out before the reflection is asked, and the row says what came of it', async () => {
      const { wait, open } = gate();
      s.learns('first words', memory(add('likes-tea', 'Likes tea.')));
      s.learns('held words', { hold: wait, text: JSON.stringify(memory(add('held', 'Held.'))) });
      await s.owner.answerTo(place, 'held words');
      await until('the call', () => s.calls().find((call) => call.text.includes('held words')));
      expect(await named('held')).toBeUndefined();
      open();
      await until('the change', () => named('held'));
      const row = await s.work(s.owner, place, 'first words');
      expect(row).toMatchObject({
        userId: 'web:owner',
        outcome: 'succeeded',
        state: 'applied',
        memoryChanges: 1,
        skillEdited: false,
        rejected: {},
        skill: null,
        errorCode: null,
      });
      expect(row.tokensIn).toBeGreaterThan(0);
      expect(await named('likes-tea')).toMatchObject({ body: 'Likes tea.', owner: 'web:owner' });
      const usage = await s.folder.json<{ role: string; calls: number }>('usage', '--json');
      expect(usage.find((one) => one.role === 'reflection')?.calls).toBeGreaterThanOrEqual(2);
    });

    it('E62: with its model down the row says failed, and the turn is done', async () => {
      s.learns('model is down', { status: 500, error: { message: 'down' } });
      const row = await s.work(s.owner, place, 'model is down');
      expect(row).toMatchObject({ outcome: 'failed', errorCode: expect.stringContaining('model.') });
      expect((await s.turns()).find((turn) => turn.id === row.turnId)?.status).toBe('done');
    });

    it('an answer that is no JSON is a failure that is counted', async () => {
      s.learns('no json', { text: 'I would rather chat' });
      expect(await s.work(s.owner, place, 'no json')).toMatchObject({
        outcome: 'failed',
        errorCode: 'model.invalid_response',
        memoryChanges: 0,
      });
    });

    it('E63: a job without sense is a failure that is counted, and the next one runs', async () => {
      for (const [key, payload] of [
        ['no payload', 'null'],
        ['nonsense', '{"turnId": 7}'],
        ['unknown turn', '{"turnId": "0", "userId": "web:owner", "skill": null, "outcome": "done"}'],
      ]) {
        const values = `'${key}', 'reflect', '${payload}', 0, 0, 0`;
        const sql = `INSERT INTO jobs (key, kind, payload, attempts, run_at, claimable_at) VALUES (${values})`;
        expect(await database.run(s.folder.path, sql)).toBe(1);
      }
      await until('the failures', async () => {
        const failed = (await s.rows()).filter((row) => row.turnId === null && row.outcome === 'failed');
        return failed.length === 2;
      });
      expect((await s.work(s.owner, place, 'after nonsense')).outcome).toBe('abstained');
    });

    it('E65: a body of 8192 bytes is taken, one byte more is not, whatever the characters', async () => {
      const fits = `${'ü'.repeat(4_095)}ab`;
      s.learns('two sizes', memory(add('fits', fits), add('too-large', `${fits}c`), add('after', 'still')));
      const row = await s.work(s.owner, place, 'two sizes');
      expect(row).toMatchObject({ memoryChanges: 2, rejected: { body_too_large: 1 } });
      expect((await named('fits'))?.body).toBe(fits);
      expect(await named('too-large')).toBeUndefined();
      expect(await named('after')).toBeDefined();
    });

    it('E66: a skill is edited once a day; the memory changes of the second try still apply', async () => {
      const edit = (body: string, entry: string) => ({
        ...memory(add(entry, entry)),
        skill: { name: 'release-notes', body },
      });
      s.learns('edit one', edit('# My own way\n', 'with-edit-one'));
      s.learns('edit two', edit('# Another way\n', 'with-edit-two'));
      expect(await s.work(s.owner, place, 'edit one')).toMatchObject({ skillEdited: true, rejected: {} });
      expect(await s.work(s.owner, place, 'edit two')).toMatchObject({
        skillEdited: false,
        memoryChanges: 1,
        rejected: { cooldown: 1 },
      });
      expect(await named('with-edit-two')).toBeDefined();
      // Only for this person, and above the built-in one.
      const shown = await s.owner.command(place, '/skills show release-notes');
      expect(textOf(shown.html)).toContain('My own way');
      await s.owner.answerTo(place, 'please use release-notes now');
      expect(s.model.calls.find((call) => call.question === 'please use release-notes now')?.text).toContain(
        '# My own way',
      );
      // Going back to the built-in one does not make way for the next edit.
      await s.owner.command(place, '/skills reset release-notes');
      s.learns('edit three', edit('# A third way\n', 'with-edit-three'));
      expect((await s.work(s.owner, place, 'edit three')).rejected).toEqual({ cooldown: 1 });
    });

    it('E65, P13: what makes no sense or is far too much takes nothing else with it', async () => {
      s.learns('far too much', {
        reasoning: 'r'.repeat(50_000),
        memory: Array.from({ length: 30 }, (_, i) => add(`much-${i}`, 'x')),
        skill: 'nonsense',
        lesson: { summary: 'long', reusableLesson: 'x'.repeat(9_000) },
      });
      const row = await s.work(s.owner, place, 'far too much');
      expect(row).toMatchObject({ outcome: 'succeeded', memoryChanges: 20, lesson: null });
      expect(row.rejected).toEqual({ too_many: 10, malformed: 1, body_too_large: 1 });
      expect(JSON.stringify(row).length).toBeLessThan(3_000);
      s.learns('a key in it', {
        reasoning: 'the password is hunter2-hunter2',
        memory: [add('fine', 'Fine.')],
      });
      expect(await s.work(s.owner, place, 'a key in it')).toMatchObject({
        reasoning: null,
        memoryChanges: 1,
      });
    });

    it('E67: when it abstains nothing changes, and the row says so', async () => {
      const before = await s.memories();
      s.learns('nothing here', { reasoning: 'trivial', abstain: true, memory: [add('no', 'no')] });
      const row = await s.work(s.owner, place, 'nothing here');
      expect(row).toMatchObject({ outcome: 'abstained', memoryChanges: 0, skillEdited: false });
      expect(await s.memories()).toEqual(before);
    });

    it('E72, A30: names with path separators, secrets and unknown names are rejected by code', async () => {
      const before = await s.memories();
      s.learns('bad proposals', {
        memory: [
          add('../../etc/passwd', 'x'),
          add('a\\b', 'x'),
          add('key-of-the-owner', 'the password is hunter2-hunter2'),
          { op: 'update', name: 'never-there', body: 'x' },
          add('empty', '  '),
          'nonsense',
        ],
        skill: { name: '../release-notes', body: 'x' },
      });
      const row = await s.work(s.owner, place, 'bad proposals');
      expect(row.rejected).toEqual({
        bad_name: 3,
        secret_found: 1,
        unknown_name: 1,
        empty_body: 1,
        malformed: 1,
      });
      expect(await s.memories()).toEqual(before);
    });

    it('E69: remove, merge and a skill edit are undone to the byte, once', async () => {
      s.learns(
        'seed',
        memory(add('old-one', 'One.\r\n\u00a0'), add('old-two', 'Two.'), add('old-three', 'Three.')),
      );
      await s.work(s.owner, place, 'seed');
      const all = () => s.folder.json<object>('memory', 'export', '--json');
      const before = await all();
      const skill = async () => textOf((await s.owner.command(place, '/skills show code-review')).html);
      const skillBefore = await skill();
      s.learns('rework', {
        memory: [
          { op: 'remove', name: 'old-three' },
          { op: 'merge', name: 'old-one', mergeTarget: 'old-two', body: 'One and two.' },
          add('old-one', 'A new one under the old name.'),
        ],
        skill: { name: 'code-review', body: '# Changed\n' },
      });
      const row = await s.work(s.owner, place, 'rework');
      expect(row).toMatchObject({ memoryChanges: 3, skillEdited: true });
      expect(await all()).not.toEqual(before);
      expect(await skill()).toContain('Changed');
      const shown = await s.folder.look('reflections', 'show', row.id);
      expect(shown.stdout).toMatch(/- Three\.[\s\S]*\+ One and two\.[\s\S]*code-review\/SKILL\.md/);
      expect(await s.folder.look('reflections', 'undo', row.id)).toMatchObject({
        code: 0,
      });
      const byName = (rows: object[]) =>
        rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
      expect(byName(await all())).toEqual(byName(before));
      expect(await skill()).toBe(skillBefore);
      const again = await s.folder.look('reflections', 'undo', row.id);
      expect(again).toMatchObject({ code: 1, stdout: expect.stringContaining('undone already') });
    });

    it('E69: what was changed since is not overwritten by an undo', async () => {
      s.learns('keep this', memory(add('changing', 'first')));
      s.learns('change this', memory({ op: 'update', name: 'changing', body: 'second' }));
      const first = await s.work(s.owner, place, 'keep this');
      await s.work(s.owner, place, 'change this');
      const refused = await s.owner.command(place, `/reflections undo ${first.id}`);
      expect(textOf(refused.html)).toContain('Nothing was changed: the entry changing was changed since');
      expect((await named('changing'))?.body).toBe('second');
    });

    it('E71, A29, A30: the activity holds no output; nothing raw is kept, nothing written unasked', async () => {
      const commands = Array.from({ length: 12 }, (_, i) => `echo ${i}-${'x'.repeat(600)}`);
      s.answers('much to do', sh(...commands), { text: 'all done' });
      s.learns('much to do', memory(add('from-outside', 'written by whom?')));
      const room = await s.owner.createConversation('Much', false);
      const row = await s.work(s.owner, room, 'much to do');
      // A30: after that nothing is written unasked.
      expect(row).toMatchObject({ state: 'staged', memoryChanges: 1 });
      expect(await named('from-outside')).toBeUndefined();
      const call = s.calls().find((one) => one.text.includes('much to do'));
      expect(activityIn(call)).toContain('shell');
      // The commands and the answer were written after outside text was read, so not even they are shown.
      expect(call?.text).not.toContain('xxxx');
      expect(call?.text).not.toContain('all done');
      expect(row.raw).toBeUndefined();
      const card = await until('the card', () =>
        s.owner.posts().findLast((post) => post.card?.title === 'Learn this?' && post.buttons.length > 0),
      );
      await s.owner.press(place, card, 'Keep');
      await until('the entry', () => named('from-outside'));
      expect((await s.rows()).find(({ id }) => id === row.id)?.state).toBe('applied');
      await s.owner.command(place, `/reflections undo ${row.id}`);
      expect(await named('from-outside')).toBeUndefined();
      // Nor are later answers, which may repeat it.
      s.answers('what was it', { text: 'it was 0-xxxx' });
      s.learns('what was it', memory(add('own-words', 'Asks what it was.')));
      expect(await s.work(s.owner, room, 'what was it')).toMatchObject({
        state: 'applied',
        memoryChanges: 1,
      });
      expect(s.calls().find((one) => one.text.includes('what was it'))?.text).not.toContain('xxxx');
    });

    it('E71: what was done is cut to its limit in bytes, in whole characters, and says so', async () => {
      const call = { name: 'no_such_tool', args: { text: 'ü'.repeat(6_000) } };
      s.answers('a long story', { toolCalls: [call] }, { text: 'told' });
      const row = await s.work(s.owner, place, 'a long story');
      expect(row.outcome).toBe('abstained');
      const activity = activityIn(s.calls().find((one) => one.text.includes('a long story')));
      expect(activity).toMatch(/^- no_such_tool \{"text":"ü{1000,}\n\[… the rest is left out\]$/);
      expect(Buffer.byteLength(activity)).toBeLessThanOrEqual(4096);
      expect(Buffer.byteLength(activity)).toBeGreaterThan(4090);
    });

    it('E64: two turns of one person at once: both changes survive, and there are two rows', async () => {
      const { wait, open } = gate();
      s.learns('left hand', { hold: wait, text: JSON.stringify(memory(add('left', 'left'))) });
      s.learns('right hand', memory(add('right', 'right')));
      const other = await s.owner.createConversation('Other', false);
      await s.owner.answerTo(place, 'left hand');
      await until('the first', () => s.calls().find((call) => call.text.includes('left hand')));
      await s.owner.answerTo(other, 'right hand');
      // Somebody else's comes after both and is done: the second of the two would have begun by now.
      const bo = await s.as(BO_TOKEN);
      await s.work(bo, await bo.home(), 'both hands');
      expect(s.calls().some((call) => call.text.includes('right hand'))).toBe(false);
      open();
      await until('the second', () => named('right'));
      const rows = (await s.rows()).filter((row) => row.userId === 'web:owner');
      expect(rows.slice(0, 2).map((row) => row.memoryChanges)).toEqual([1, 1]);
      // It was loaded after the first was applied.
      expect(s.calls().find((call) => call.text.includes('right hand'))?.text).toContain(
        '- left (fact): left',
      );
      expect(await named('left')).toBeDefined();
      expect(await named('right')).toBeDefined();
    });

    it('E70, F10: killed while it is asked, it is asked again and applied once', async () => {
      const { wait, open } = gate();
      let calls = 0;
      const applied = { text: JSON.stringify(memory(add('once-only', 'once'))) };
      s.learns('killed', {
        get hold() {
          calls += 1;
          return calls === 1 ? wait : undefined;
        },
        ...applied,
      });
      await s.owner.answerTo(place, 'killed');
      await until('the first call', () => s.calls().find((call) => call.text.includes('killed')));
      await s.restart();
      open();
      await until('the change', () => named('once-only'), 60_000);
      expect((await s.memories()).filter((one) => one.name.startsWith('once-only'))).toHaveLength(1);
      const turn = (await s.turns())[0];
      expect((await s.rows()).filter((row) => row.turnId === turn?.id)).toHaveLength(1);
    });

    snapshotRows(database, () => ({ s, place }));

    it('E62: a cancelled turn is looked back at too', async () => {
      s.answers('stop me', sh('mkdir never-made'));
      const room = await s.owner.createConversation('Stop', false);
      const { id } = await s.owner.post(room, 'stop me');
      await s.owner.card(room);
      await s.owner.command(room, '/stop');
      const turn = (await s.turns()).find((one) => one.messageId === id);
      await until('the row', async () => (await s.rows()).find((row) => row.turnId === turn?.id));
      expect(s.calls().find((call) => call.text.includes('stop me'))?.text).toContain('ended: cancelled');
    });

    it('A47: a reflection that would exceed the budget is not asked for, and its row says so', async () => {
      const usage = await s.folder.json<{ promptTokens: number; completionTokens: number }>(
        'usage',
        '--json',
      );
      const used = usage.reduce((sum, row) => sum + row.promptTokens + row.completionTokens, 0);
      s.folder.writeConfig(
        configText(s.model.url, {
          reflection: '{ enabled: true }',
          model: s.roles,
          storeUrl,
          limits: `tokens_per_day: ${used + 40}`,
        }),
      );
      await s.restart();
      const row = await s.work(s.owner, await s.owner.createConversation('Poor', false), 'out of money');
      expect(row).toMatchObject({
        outcome: 'failed',
        errorCode: 'limits.budget',
        memoryChanges: 0,
        tokensIn: 0,
      });
      expect(s.calls().some((call) => call.text.includes('out of money'))).toBe(false);
      expect((await s.turns()).find((turn) => turn.id === row.turnId)?.status).toBe('done');
    });
  });
}
