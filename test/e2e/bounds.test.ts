/** Everything has an end, and whoever waits is told of it: rows F23, F26 and F44, promises P13 and P14. */
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
} from './support/scenario.ts';
import { textOf } from './support/web-client.ts';

const echo = (word: string) => ({ name: 'shell', args: { command: `echo ${word}` } });
const REFERENCE = /\(ref [0-9a-z]{8}\)/;

describe('a model without an end', () => {
  let s: Scenario;
  beforeAll(async () => {
    s = await startScenario({ yaml: 'agent: { max_rounds: 5 }' });
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
  });

  it('F26: one that never stops acting has to say after so many rounds what it found, beside what it did', async () => {
    s.model.script((call) =>
      call.tools === undefined ? { text: 'so far: five words' } : { toolCalls: [echo('again')] },
    );
    const { answer, events } = await ask(s, await freshPlace(s), 'loop');
    expect(answer).toBe('so far: five words');
    expect(toolResults(events)).toHaveLength(5);
    expect(events.at(-1)).toMatchObject({ type: 'turn.finished', reason: 'exhausted' });
    expect(s.owner.posts().find((post) => post.kind === 'answer')).toMatchObject({
      steps: Array.from({ length: 5 }, () => ({ ok: true })),
    });
  });

  it('F26, P13: of a thousand actions at once 32 are run, and the model hears of the rest', async () => {
    const words = Array.from({ length: 1000 }, (_, i) => echo(`word${i}`));
    s.model.script((call) =>
      call.messages.at(-1)?.role === 'tool' ? { text: 'enough' } : { toolCalls: words },
    );
    const { answer, events } = await ask(s, await freshPlace(s), 'flood');
    expect(answer).toBe('enough');
    expect(toolResults(events)).toHaveLength(32);
    expect(events.filter((event) => event.type === 'tool.skipped')).toHaveLength(968);
    expect(s.model.calls.at(-1)?.text).toContain('a step has at most 32 actions');
  });

  it('F21: a tool call that broke off in the middle is dropped, and the whole step asked for anew', async () => {
    s.model.script((_call, index) =>
      index === 0
        ? { text: 'about to ', toolCalls: [echo('once')], resetInCall: true }
        : index === 1
          ? { toolCalls: [echo('once')] }
          : { text: 'did it' },
    );
    const { answer, events } = await ask(s, await freshPlace(s), 'break off');
    expect(answer).toBe('did it');
    expect(toolResults(events)).toMatchObject([{ ok: true }]);
    expect(events.filter((event) => event.type === 'model.responded')).toHaveLength(2);
  });

  it('F23: an unknown tool and arguments that are none are told to the model, which goes on', async () => {
    s.model.script((_call, index) =>
      index === 0
        ? {
            toolCalls: [
              { name: 'teleport', args: {} },
              { name: 'shell', args: '{"command": "ls' },
            ],
          }
        : { text: 'sorry' },
    );
    const { answer, events } = await ask(s, await freshPlace(s), 'odd calls');
    expect(answer).toBe('sorry');
    expect(toolResults(events)).toMatchObject([{ ok: false }, { ok: false }]);
    expect(s.model.calls[1]?.text).toMatch(/There is no tool "teleport"/);
  });

  it('F23: told twice in a row that nothing of it can be used, a model that goes on has to answer', async () => {
    const broken = { toolCalls: [{ name: 'shell', args: '{"command": "ls' }] };
    s.model.script((call) => (call.tools === undefined ? { text: 'I give up' } : broken));
    const { answer, events } = await ask(s, await freshPlace(s), 'broken for good');
    expect(answer).toBe('I give up');
    expect(toolResults(events)).toMatchObject(Array(3).fill({ ok: false, unusable: true }));
    expect(s.model.calls).toHaveLength(4);
  });

  it('F23: arguments that were mended are asked about as they are now, and have not run before', async () => {
    s.model.script((_call, index) =>
      index === 0
        ? { toolCalls: [{ name: 'shell', args: '{"command": "rm -r mended"' }] }
        : index === 1
          ? { toolCalls: [{ name: 'shell', args: { command: 'rm -r mended' } }] }
          : { text: 'ended' },
    );
    const place = await freshPlace(s);
    const { id } = await s.owner.post(place, 'mend it');
    const card = await s.owner.card(place);
    expect(JSON.stringify(card)).toContain('rm -r mended');
    const kinds = (await s.eventsOf(id)).map((event) => event.type);
    expect(kinds.filter((kind) => kind === 'approval.requested')).toHaveLength(1);
    expect(kinds).not.toContain('tool.started');
  });
});

it('F26, P14: out of budget in the middle, it says so, with a reference and what was done until then', async () => {
  const s = await startScenario({ limits: 'tokens_per_day: 40' });
  try {
    // 18 tokens a call.
    s.model.script(() => ({ toolCalls: [echo('costly')] }));
    const place = await freshPlace(s);
    const post = await s.owner.answerTo(place, 'spend');
    expect(post.kind).toBe('error');
    expect(textOf(post.html)).toMatch(/budget/);
    expect(textOf(post.html)).toMatch(REFERENCE);
    expect(s.model.calls).toHaveLength(3);
    expect(post).toMatchObject({ steps: [{ ok: true }, { ok: true }, { ok: true }] });
  } finally {
    await s.close();
  }
});

it('F26, P14: a model that says nothing is given up after its time, with a reference', async () => {
  const s = await startScenario({ timeout: '200ms' });
  const door = gate();
  try {
    s.model.script(() => ({ text: 'too late', hold: door.wait }));
    const post = await s.owner.answerTo(await freshPlace(s), 'anybody?');
    expect(textOf(post.html)).toMatch(/took too long/);
    expect(textOf(post.html)).toMatch(REFERENCE);
  } finally {
    door.open();
    await s.close();
  }
});

it('F44, P13, P14: of 1,000 messages to one session as many as fit wait, each other one is told so, and neighbours go on', async () => {
  const s = await startScenario();
  const door = gate();
  try {
    s.model.script((call) =>
      call.question.startsWith('flood') ? { text: 'in the end', hold: door.wait } : { text: 'at once' },
    );
    const place = await freshPlace(s);
    const beside = await freshPlace(s);
    const ids: string[] = [];
    for (let from = 0; from < 1000; from += 50)
      await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          ids.push((await s.owner.post(place, `flood ${from + i}`)).id);
        }),
      );
    expect(textOf((await s.owner.answerTo(beside, 'and I?')).html)).toBe('at once');
    const inPlace = (
      await s.folder.json<{ conversation: string; messageId: string }>('turns', '--json', '--limit', '2000')
    ).filter((turn) => turn.conversation === place.conversation);
    // One at work, and limits.queue_per_session.
    expect(inPlace).toHaveLength(51);
    const notices = () =>
      s.owner.asides().filter((one) => textOf(one.html).includes('Too many messages are already waiting'));
    await until('a notice for each that found no room', () => notices().length === 949);
    expect(notices().every((one) => REFERENCE.test(textOf(one.html)))).toBe(true);
    door.open();
    const answers = () =>
      s.owner.posts().filter((post) => post.conversation === place.conversation && post.kind === 'answer');
    await until('the answers to those that had room', () => answers().length === 51);
  } finally {
    door.open();
    await s.close();
  }
}, 60_000);
