/** Long histories, for each database: summarized into the log, never losing anything, whatever stops the gateway in between. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/gateway.ts';
import { configText, type EventRow, ONCE, sh, types } from '../support/scenario.ts';
import { type Place, textOf } from '../support/web-client.ts';
import { type Remembering, startRemembering } from './support.ts';

/** About 200 tokens each, so that the fourth does not fit beside the others any more. */
const long = (word: string) => `${word} ${'and so on '.repeat(80)}`;
const YAML = 'agent: { context_tokens: 1000 }';

export function compactionRows(database: TestDatabase): void {
  describe(`compaction on ${database.name}`, () => {
    let s: Remembering;
    let storeUrl: string;
    beforeAll(async () => {
      storeUrl = await database.url();
      s = await startRemembering({ yaml: YAML, memory: false, storeUrl });
    });
    afterAll(() => s.close());

    const fill = async (place: Place, ...words: string[]) => {
      for (const word of words) await s.owner.answerTo(place, long(word));
    };
    const lastPrompt = () => s.mainCalls().at(-1)?.text ?? '';
    const lastLog = async (): Promise<EventRow[]> =>
      s.folder.json<EventRow>('events', (await s.turns())[0]?.id ?? '', '--json');
    const place = (title: string) => s.owner.createConversation(title, false);

    it('the older part gives way to a summary in the log that points at the first turn kept; search reaches the rest', async () => {
      const where = await place('Long');
      s.model.reset();
      s.summarizes(() => ({ text: 'They spoke of alpha and of zanzibar.' }));
      await fill(where, 'alpha', 'bravo', 'charlie');
      expect(s.summaryCalls()).toHaveLength(0);
      await fill(where, 'delta');
      await s.owner.answerTo(where, 'What was first?');
      expect(s.summaryCalls()).toHaveLength(1);
      expect(s.summaryCalls()[0]?.text).toMatch(/person: alpha[\s\S]*assistant: fine/);
      expect(lastPrompt()).toMatch(
        /<untrusted source="summary">\nThey spoke of alpha and of zanzibar\.\n<\/untrusted>/,
      );
      expect(lastPrompt()).not.toMatch(/alpha and so on/);
      expect(lastPrompt()).toMatch(/delta and so on[\s\S]*What was first\?/);
      const log = await lastLog();
      expect(types(log)).toEqual([
        'turn.started',
        'model.called',
        'model.responded',
        'history.compacted',
        'model.called',
        'model.responded',
        'turn.finished',
      ]);
      const compacted = log.find((event) => event.type === 'history.compacted');
      const turns = await s.turns();
      const kept = turns.find((turn) => turn.id === compacted?.keptFromTurn);
      expect(kept).toBeDefined();
      const [first] = await s.folder.json<{ message: { text: string } }>('events', kept?.id ?? '', '--json');
      const words = ['alpha', 'bravo', 'charlie', 'delta'];
      const keptWord = words.findIndex((word) => first?.message.text.startsWith(word));
      // What is summarized and what is kept come to all there was.
      expect(compacted).toMatchObject({ turns: keptWord, untrusted: false });
      for (const [index, word] of words.entries())
        expect([word, lastPrompt().includes(`${word} and so on`)]).toEqual([word, index >= keptWord]);
      // It stands for the older part in later turns too, without being made again.
      await s.owner.answerTo(where, 'And then?');
      expect(s.summaryCalls()).toHaveLength(1);
      expect(lastPrompt()).toContain('zanzibar');
      await s.owner.command(where, '/btw what did they speak of?');
      expect(s.model.calls.at(-1)?.text).toContain('zanzibar');
      s.answers((call) =>
        call.messages.some((one) => one.role === 'tool')
          ? { text: 'found' }
          : { toolCalls: [{ name: 'search_history', args: { query: 'alpha' } }] },
      );
      await s.owner.answerTo(where, 'search');
      expect(lastPrompt()).toMatch(/\] \S+: alpha and so on/);
      s.answers(() => ({ text: 'fine' }));
      expect(await s.folder.json('usage', '--json')).toContainEqual(
        expect.objectContaining({ role: 'memory', model: 'memory-model', user: 'web:owner' }),
      );
      expect(await s.folder.look('audit', 'verify')).toMatchObject({ code: 0 });
      await s.owner.command(where, '/new');
      await s.owner.answerTo(where, 'A fresh start');
      expect(lastPrompt()).not.toContain('zanzibar');
    });

    it('the next summary takes up the one before; a turn that waits for approval sees its own after a restart', async () => {
      const where = await place('Twice');
      s.model.reset();
      s.summarizes((call) => ({
        text: `summary ${s.summaryCalls().length}: ${call.text.includes('summary 1') ? 'both' : 'one'}`,
      }));
      await fill(where, 'echo', 'foxtrot', 'golf', 'hotel', 'india', 'juliett', 'kilo', 'lima');
      expect(s.summaryCalls().length).toBeGreaterThan(1);
      expect(s.summaryCalls()[1]?.text).toContain('summary 1: one');
      s.answers((call) =>
        call.messages.some((one) => one.role === 'tool') ? { text: 'made' } : sh('mkdir later'),
      );
      await s.owner.post(where, 'make it');
      const card = await s.owner.card(where);
      const before = lastPrompt();
      const many = s.summaryCalls().length;
      // Half of the room now: a turn that began anew would summarize again.
      const options = { memory: false, model: s.roles, storeUrl };
      s.folder.writeConfig(configText(s.model.url, { ...options, yaml: 'agent: { context_tokens: 500 }' }));
      await s.restart();
      await s.owner.press(where, card, ONCE);
      await until('the answer', () => s.owner.posts().find((post) => textOf(post.html) === 'made'));
      s.answers(() => ({ text: 'fine' }));
      const after = lastPrompt();
      expect(after.slice(0, before.length)).toBe(before);
      expect(after).toContain('both');
      expect(s.summaryCalls()).toHaveLength(many);
      s.folder.writeConfig(configText(s.model.url, { ...options, yaml: YAML }));
      await s.restart();
    });

    it('without a summary to be had the older part is left out and the answer comes all the same', async () => {
      const where = await place('Down');
      s.model.reset();
      s.summarizes(() => ({ status: 400, error: { message: 'down' } }));
      await fill(where, 'mike', 'november', 'oscar', 'papa');
      await s.owner.answerTo(where, 'Still there?');
      expect(types(await lastLog())).toContain('model.failed');
      expect(lastPrompt()).not.toMatch(/mike and so on/);
      expect(lastPrompt()).toMatch(/papa and so on/);
      s.summarizes(() => ({ text: 'up again, mike included' }));
      await s.owner.answerTo(where, 'And now?');
      expect(lastPrompt()).toContain('up again, mike included');
    });

    it('F3: killed while it summarizes, it summarizes again and answers', async () => {
      const where = await place('Killed');
      await fill(where, 'quebec', 'romeo', 'sierra', 'tango');
      s.model.reset();
      const { promise, resolve } = Promise.withResolvers<void>();
      s.summarizes(() => ({ hold: promise, text: 'lost' }));
      await s.owner.post(where, 'Who was first?');
      await until('the summary to be asked for', () => s.summaryCalls()[0]);
      s.summarizes(() => ({ text: 'quebec was first' }));
      await s.restart();
      resolve();
      await until('the answer', () => s.mainCalls()[0]);
      expect(lastPrompt()).toContain('quebec was first');
      expect(s.summaryCalls()).toHaveLength(2);
    });

    it('F24: too long for the endpoint whatever was reckoned: one summary, one more try, then a plain notice', async () => {
      const where = await place('Overflow');
      for (let i = 0; i < 4; i++) await s.owner.answerTo(where, `filler ${i}`);
      s.model.reset();
      s.summarizes(() => ({ text: 'only fillers' }));
      const tooLong = { status: 400, error: { message: 'too long', code: 'context_length_exceeded' } };
      s.answers((call) => (call.text.includes('filler 0') ? tooLong : { text: 'fits now' }));
      expect(textOf((await s.owner.answerTo(where, 'and now?')).html)).toBe('fits now');
      expect([s.mainCalls().length, s.summaryCalls().length]).toEqual([2, 1]);
      expect(lastPrompt()).toContain('only fillers');
      s.answers(() => tooLong);
      s.model.reset();
      const notice = await s.owner.answerTo(where, 'and again?');
      expect(notice.kind).toBe('error');
      expect(textOf(notice.html)).toMatch(/too long for the model\. \/new starts a fresh one/);
      expect(s.mainCalls()).toHaveLength(2);
      s.answers(() => ({ text: 'fine' }));
    });

    it('what was not weighed for memory yet is before it leaves the prompt', async () => {
      const where = await place('Flush');
      s.summarizes(() => ({ text: 'flushed' }));
      await fill(where, 'uniform', 'victor', 'whiskey', 'xray');
      // Memory is switched on only now: nothing of the above was ever weighed.
      s.folder.writeConfig(configText(s.model.url, { yaml: YAML, memory: true, model: s.roles, storeUrl }));
      await s.restart();
      s.model.reset();
      await s.tell(s.owner, where, 'Go on.');
      await until('the older turns to be weighed', () =>
        s.memoryCalls().some((call) => call.text.includes('uniform and so on')),
      );
    });

    it('A47: nothing is summarized or remembered that would exceed the budget; the answer still comes', async () => {
      const poorUrl = await database.url();
      const poor = await startRemembering({ yaml: YAML, storeUrl: poorUrl });
      try {
        const where = await poor.owner.createConversation('Poor', false);
        for (const word of ['yankee', 'zulu', 'able', 'baker'])
          await poor.tell(poor.owner, where, long(word));
        const used = (
          await poor.folder.json<{ promptTokens: number; completionTokens: number }>('usage', '--json')
        )
          .map((row) => row.promptTokens + row.completionTokens)
          .reduce((a, b) => a + b, 0);
        const budget = configText(poor.model.url, {
          yaml: YAML,
          memory: true,
          model: poor.roles,
          storeUrl: poorUrl,
        }).replace('messages_per_minute: 10000', `messages_per_minute: 10000, tokens_per_day: ${used + 40}`);
        poor.folder.writeConfig(budget);
        await poor.restart();
        poor.model.reset();
        const events = await poor.tell(poor.owner, where, 'One more?');
        expect(poor.summaryCalls()).toHaveLength(0);
        expect(poor.memoryCalls()).toHaveLength(0);
        expect(poor.mainCalls()).toHaveLength(1);
        expect(events.at(-1)).toMatchObject({ type: 'memory.failed', errorCode: 'limits.budget' });
      } finally {
        await poor.close();
      }
    });
  });
}
