/** Side questions through the real program: ENGINE.md rows 49 to 56, promise P8. */

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ModelCall, ScriptedReply } from '../fakes/model-server.ts';
import { until } from './support/gateway.ts';
import { asked, BO_TOKEN, gate, idle, type Scenario, startScenario } from './support/scenario.ts';
import { type Place, textOf, type WebClient } from './support/web-client.ts';

const isAside = (call: ModelCall): boolean => call.model === 'aside-model';

describe('/btw', () => {
  let s: Scenario;
  let bo: WebClient;
  let main: (call: ModelCall) => ScriptedReply;
  let aside: (call: ModelCall) => ScriptedReply;

  beforeAll(async () => {
    s = await startScenario({ model: '  roles: { btw: { model: aside-model } }' });
    bo = await s.as(BO_TOKEN);
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
    main = () => ({ text: 'main answer' });
    aside = () => ({ text: 'side answer' });
    s.model.script((call) => (isAside(call) ? aside(call) : main(call)));
  });

  const place = (title = 'Aside'): Promise<Place> => s.owner.createConversation(title, true);
  const asideCalls = () => s.model.calls.filter(isAside);

  /** Every row of every table but the usage counters. */
  function contents(): string {
    const database = new Database(join(s.folder.path, 'data/parley.db'), { readonly: true });
    const tables = database
      .prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
      .pluck()
      .all() as string[];
    const all = tables
      .filter((name) => name !== 'usage')
      .map((name) => [name, database.prepare(`SELECT * FROM "${name}"`).all()]);
    database.close();
    return JSON.stringify(all);
  }

  it('E49, P8: in an idle session it is one call without tools, with history and question, and only usage changes', async () => {
    const where = await place();
    main = () => ({ text: 'we ship on Friday' });
    await s.owner.answerTo(where, 'when do we ship?');
    await until('all deliveries to be recorded', () => !contents().includes('"pending"'));
    const before = contents();
    const answer = await s.owner.command(where, '/btw what day was that?');
    expect(textOf(answer.html)).toBe('side answer');
    expect(answer.question).toBe('what day was that?');
    expect(asideCalls()).toHaveLength(1);
    expect(asideCalls()[0]?.body).not.toHaveProperty('tools');
    expect(asideCalls()[0]?.text).toMatch(
      /when do we ship\?[\s\S]*we ship on Friday[\s\S]*what day was that\?/,
    );
    expect(contents()).toBe(before);
    const usage = await s.folder.json<{ role: string }>('usage', '--json');
    expect(usage.some((row) => row.role === 'btw')).toBe(true);
  });

  it('E50: while a turn runs it is answered before that ends, knows the request, and leaves the events alone', async () => {
    const where = await place();
    const door = gate();
    main = () => ({ text: 'slow words here', holdAfterFirst: door.wait });
    const { id } = await s.owner.post(where, 'write the long report');
    await asked(s, 'write the long report');
    const before = await s.eventsOf(id);
    const answer = await s.owner.command(where, '/btw what are you doing?');
    expect(textOf(answer.html)).toBe('side answer');
    expect(asideCalls()[0]?.text).toContain('write the long report');
    expect(await s.eventsOf(id)).toEqual(before);
    door.open();
    await until('the main answer', () =>
      s.owner.posts().find((post) => post.conversation === where.conversation && post.kind === 'answer'),
    );
  });

  it('E50, E51: while a turn waits for approval it is answered, with recent actions as lines and no tool-call parts', async () => {
    const where = await place();
    main = () => ({
      toolCalls: [
        { name: 'shell', args: { command: 'echo looked' } },
        { name: 'shell', args: { command: 'mkdir not-made-51' } },
      ],
    });
    await s.owner.post(where, 'make the folder');
    const card = await s.owner.card(where);
    await s.owner.command(where, '/btw what is it waiting for?');
    const [call] = asideCalls();
    expect(call?.text).toContain('mkdir not-made-51');
    expect(
      call?.messages.some((message) => message.role === 'tool' || message.tool_calls !== undefined),
    ).toBe(false);
    main = () => ({ text: 'left it' });
    await s.owner.press(where, card, 'Deny');
    await until('the answer', () =>
      s.owner.posts().find((post) => post.conversation === where.conversation && post.kind === 'answer'),
    );
    await s.owner.command(where, '/btw and now?');
    expect(
      asideCalls()[1]?.messages.some(
        (message) => message.role === 'tool' || message.tool_calls !== undefined,
      ),
    ).toBe(false);
  });

  it('E52: a last message that never got its answer is left out', async () => {
    const where = await place();
    await s.owner.answerTo(where, 'first question');
    main = () => ({ status: 400, error: { message: 'no' } });
    await s.owner.answerTo(where, 'unanswerable request');
    await s.owner.command(where, '/btw summary?');
    expect(asideCalls()[0]?.text).toContain('first question');
    expect(asideCalls()[0]?.text).not.toContain('unanswerable request');
  });

  it('E53: no question gives the usage, no context an error; the model is not called', async () => {
    const where = await place();
    expect(textOf((await s.owner.command(where, '/btw')).html)).toContain('Usage: /btw QUESTION');
    const empty = await s.owner.command(where, '/btw anything?');
    expect(empty.kind).toBe('error');
    expect(textOf(empty.html)).toContain('nothing to ask about yet');
    expect(s.model.calls).toHaveLength(0);
  });

  it.each([
    ['breaks off', { text: 'half an', reset: true }],
    ['is empty', { text: '' }],
    ['ends without a finish reason', { text: 'half an answer', unfinished: true }],
  ] as const)(
    'E54, F22, F25: a stream that %s is one error line, and nothing is stored',
    async (_what, reply) => {
      const where = await place();
      await s.owner.answerTo(where, 'context');
      aside = () => reply;
      const answer = await s.owner.command(where, '/btw well?');
      expect(answer.kind).toBe('error');
      expect(textOf(answer.html)).toMatch(/\(ref \w{8}\)$/);
      expect(textOf(answer.html)).not.toContain('half');
    },
  );

  it('E55, P8: a multi-line question in a thread is answered there, whole, to the asker alone', async () => {
    const where = await place();
    const root = await s.owner.answerTo(where, 'start');
    const thread = { ...where, thread: root.id };
    await s.owner.answerTo(thread, 'in the thread');
    aside = () => ({ text: 'CANARY-ANSWER line one\n\nline two' });
    const answer = await s.owner.command(thread, '/btw CANARY-QUESTION first line\nsecond line');
    expect(answer.question).toBe('CANARY-QUESTION first line\nsecond line');
    expect(textOf(answer.html)).toContain('line two');
    expect(asideCalls()[0]?.text).toContain('first line\nsecond line');
    // What bo receives afterwards proves that everything before it has arrived.
    await s.owner.answerTo(where, 'flush');
    await until('the next message at the other person', () =>
      bo.posts().find((post) => post.text === 'flush'),
    );
    expect(bo.raw()).not.toContain('CANARY');
    expect(s.owner.raw()).toContain('CANARY-ANSWER');
  });

  it('E56: the next turn holds no trace of it', async () => {
    const where = await place();
    await s.owner.answerTo(where, 'hello');
    aside = () => ({ text: 'SECRET-SIDE' });
    await s.owner.command(where, '/btw SIDE-QUESTION?');
    await s.owner.answerTo(where, 'go on');
    const last = s.model.calls.at(-1);
    expect(last?.text).toContain('hello');
    expect(JSON.stringify(last?.body)).not.toMatch(/SECRET-SIDE|SIDE-QUESTION/);
  });

  it('/stop ends a side question', async () => {
    const where = await place();
    await s.owner.answerTo(where, 'context');
    const door = gate();
    aside = () => ({ text: 'never ends', holdAfterFirst: door.wait });
    const asked = s.owner.command(where, '/btw long one?');
    const call = await until('the call', () => asideCalls()[0]);
    await s.owner.command(where, '/stop');
    await call.aborted;
    expect(textOf((await asked).html)).toBe('Stopped.');
    door.open();
  });
});
