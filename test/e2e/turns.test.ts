/** Turns from the web chat through the real program and a scripted model: ENGINE.md rows 2, 3, 5, 6 and 12 to 18. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from './support/gateway.ts';
import {
  ask,
  freshPlace,
  gate,
  idle,
  type Scenario,
  startScenario,
  toolResults,
  types,
} from './support/scenario.ts';
import { textOf } from './support/web-client.ts';

describe('with the native planner', () => {
  let s: Scenario;
  beforeAll(async () => {
    s = await startScenario();
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
    s.model.script(() => ({ text: 'fine' }));
  });

  it('E2: turn.started holds message, workspace, session, author and channel', async () => {
    const place = await freshPlace(s);
    const { events } = await ask(s, place, 'hello there');
    expect(events[0]).toMatchObject({
      seq: 1,
      type: 'turn.started',
      author: 'web:owner',
      channel: 'web',
      workspace: expect.stringContaining('data/workspace'),
      message: { text: 'hello there' },
    });
    expect(events[0]?.session).toContain(place.conversation);
  });

  it('E3: tokens of every call are recorded, in the events and in usage', async () => {
    s.model.script(() => ({ text: 'counted', usage: { prompt: 123, completion: 45 } }));
    const { events } = await ask(s, await freshPlace(s), 'count me');
    expect(events.find((event) => event.type === 'model.responded')).toMatchObject({
      role: 'thinker',
      promptTokens: 123,
      completionTokens: 45,
      totalTokens: 168,
    });
    const usage = await s.folder.json<{ role: string; user: string; promptTokens: number }>(
      'usage',
      '--json',
    );
    expect(
      usage.some((row) => row.role === 'thinker' && row.user === 'web:owner' && row.promptTokens >= 123),
    ).toBe(true);
  });

  it('E5: two reads of one answer run in order with indexes 1 and 2, and both reach the model', async () => {
    s.model.script((_call, index) =>
      index === 0
        ? {
            toolCalls: [
              { name: 'shell', args: { command: 'echo first' } },
              { name: 'shell', args: { command: 'echo second' } },
            ],
          }
        : { text: 'both done' },
    );
    const { events } = await ask(s, await freshPlace(s), 'do two');
    const steps = events.filter((event) => event.type === 'tool.started' || event.type === 'tool.finished');
    expect(steps.map((event) => [event.type, event.index])).toEqual([
      ['tool.started', 1],
      ['tool.finished', 1],
      ['tool.started', 2],
      ['tool.finished', 2],
    ]);
    expect(s.model.calls[1]?.text).toMatch(/first[\s\S]*second/);
  });

  it('E6: the next round goes on at index 3, and every observation is in the request once', async () => {
    s.model.script((_call, index) =>
      index === 0
        ? {
            toolCalls: [
              { name: 'shell', args: { command: 'echo one-out' } },
              { name: 'shell', args: { command: 'echo two-out' } },
            ],
          }
        : index === 1
          ? { toolCalls: [{ name: 'shell', args: { command: 'echo three-out' } }] }
          : { text: 'done' },
    );
    const { events } = await ask(s, await freshPlace(s), 'three');
    expect(toolResults(events).map((event) => event.index)).toEqual([1, 2, 3]);
    const results =
      s.model.calls[2]?.messages
        .filter((message) => message.role === 'tool')
        .map((message) => String(message.content)) ?? [];
    expect(results).toHaveLength(3);
    for (const word of ['one-out', 'two-out', 'three-out']) {
      expect(results.filter((text) => text.includes(word))).toHaveLength(1);
    }
  });

  it('E12, F23: unknown tools and invalid arguments are results for the model, not crashes', async () => {
    s.model.script((_call, index) =>
      index === 0
        ? {
            toolCalls: [
              { name: 'teleport', args: {} },
              { name: 'shell', args: { cmd: 1 } },
              { name: 'shell', args: '{not json' },
            ],
          }
        : { text: 'understood' },
    );
    const { answer, events } = await ask(s, await freshPlace(s), 'break');
    expect(answer).toBe('understood');
    expect(toolResults(events).map((event) => event.ok)).toEqual([false, false, false]);
    expect(s.model.calls[1]?.text).toContain('no tool "teleport"');
  });

  it('E13: CJK and emoji arguments are the same in the log and in the next request', async () => {
    const query = '日本語 👩‍👩‍👧 é 𝒳';
    s.model.script((_call, index) =>
      index === 0 ? { toolCalls: [{ name: 'search_files', args: { text: query } }] } : { text: 'ok' },
    );
    const { events } = await ask(s, await freshPlace(s), 'search it');
    expect(events.find((event) => event.type === 'tool.started')).toMatchObject({ args: { text: query } });
    const sent = s.model.calls[1]?.messages.find((message) => message.role === 'assistant');
    expect(JSON.parse(sent?.tool_calls?.[0]?.function.arguments ?? '{}')).toEqual({ text: query });
  });

  it('E14, F29: a huge output is capped in the prompt with a marker, and readable in full by reference', async () => {
    s.model.script((call, index) => {
      if (index === 0) return { toolCalls: [{ name: 'shell', args: { command: 'seq 1 700000' } }] };
      const reference = /read_output[^"]*"([^"]+)"/.exec(call.text)?.[1];
      return index === 1
        ? { toolCalls: [{ name: 'read_output', args: { reference, offset: 2_000_000, limit: 100 } }] }
        : { text: 'read' };
    });
    const { events } = await ask(s, await freshPlace(s), 'flood');
    const [flood, again] = toolResults(events);
    expect(String(flood?.output).length).toBeLessThan(80_000);
    expect(flood?.outputRef).toBeDefined();
    expect(again).toMatchObject({ ok: true });
    expect(String(again?.output)).toMatch(/\d{6}/);
  });

  it('E15, F20: a model that keeps failing fails the turn; the user sees text by code and a reference only', async () => {
    s.model.script(() => ({ status: 500, error: { message: 'secret stack of the upstream' } }));
    const { answer, events } = await ask(s, await freshPlace(s), 'fail');
    expect(answer).toMatch(/did not answer.*\(ref \w{8}\)/);
    expect(answer).not.toContain('secret stack');
    expect(events.at(-1)).toMatchObject({
      type: 'turn.finished',
      reason: 'failed',
      errorCode: 'model.unavailable',
      detail: expect.stringContaining('secret stack'),
    });
    expect(s.model.calls).toHaveLength(3);
  });

  it('E16: the second request contains the first exchange', async () => {
    const place = await freshPlace(s);
    s.model.script((_call, index) => ({ text: index === 0 ? 'the capital is Paris' : 'as I said' }));
    await ask(s, place, 'what is the capital of France?');
    await ask(s, place, 'and again?');
    expect(s.model.calls[1]?.text).toMatch(
      /what is the capital of France\?[\s\S]*the capital is Paris[\s\S]*and again\?/,
    );
  });

  it('E17, P3: two messages of one session run one after the other; other sessions run meanwhile', async () => {
    const [here, elsewhere] = [await freshPlace(s), await freshPlace(s)];
    const door = gate();
    s.model.script((call) =>
      call.question === 'slow' ? { text: 'slow answer', hold: door.wait } : { text: `re ${call.question}` },
    );
    await s.owner.post(here, 'slow');
    await s.owner.post(here, 'next');
    expect(textOf((await s.owner.answerTo(elsewhere, 'other')).html)).toBe('re other');
    expect(s.model.calls.map((call) => call.question)).toEqual(['slow', 'other']);
    door.open();
    await until(
      'both answers',
      () =>
        s.owner.posts().filter((post) => post.conversation === here.conversation && post.kind === 'answer')
          .length === 2,
    );
    expect(s.model.calls.at(-1)?.text).toContain('slow answer');
  });

  it('E18, F12, P2: a message delivered four times is one turn', async () => {
    const place = await freshPlace(s);
    const id = crypto.randomUUID();
    for (let i = 0; i < 4; i++) await s.owner.post(place, 'only once', id);
    await until('the answer', () =>
      s.owner.posts().find((post) => post.conversation === place.conversation && post.kind === 'answer'),
    );
    const turns = (await s.turns()).filter((turn) => turn.conversation === place.conversation);
    expect(turns).toHaveLength(1);
    expect(s.model.calls.filter((call) => call.question === 'only once')).toHaveLength(1);
  });

  it('E17: sixteen rounds are the limit of the native planner, then it answers without tools', async () => {
    s.model.script((call) =>
      call.tools === undefined
        ? { text: 'gave up' }
        : { toolCalls: [{ name: 'shell', args: { command: 'echo again' } }] },
    );
    const { answer, events } = await ask(s, await freshPlace(s), 'loop');
    expect(answer).toBe('gave up');
    expect(s.model.calls.filter((call) => call.tools !== undefined)).toHaveLength(16);
    expect(types(events)).toContain('rounds.exhausted');
  });
});
