/** The directive planner, limits and reasoning through the real program: ENGINE.md rows 1, 4 and 7 to 11. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ask,
  freshPlace,
  idle,
  type Scenario,
  startScenario,
  toolResults,
  types,
} from './support/scenario.ts';

const directive = (...actions: unknown[]): { text: string } => ({ text: JSON.stringify({ actions }) });

describe('with the directive planner', () => {
  let s: Scenario;
  beforeAll(async () => {
    s = await startScenario({
      yaml: 'agent: { planner: directive }',
      model: '  roles: { action: { model: planner }, thinker: { model: writer } }',
    });
  });
  afterAll(() => s.close());
  beforeEach(async () => {
    await idle(s.folder);
    s.model.reset();
  });

  const planned = (plan: (round: number) => { text: string }) => {
    let round = 0;
    s.model.script((call) => (call.model === 'planner' ? plan(round++) : { text: 'written answer' }));
  };

  it('E1: an empty directive gives exactly the events of a plain answer, written by the thinker', async () => {
    planned(() => directive());
    const { answer, events } = await ask(s, await freshPlace(s), 'hi');
    expect(answer).toBe('written answer');
    expect(types(events)).toEqual([
      'turn.started',
      'model.called',
      'model.responded',
      'model.called',
      'model.responded',
      'turn.finished',
    ]);
    expect(events.filter((event) => event.type === 'model.responded').map((event) => event.role)).toEqual([
      'action',
      'thinker',
    ]);
  });

  it('E7: a model that always acts gets exactly four rounds, then it answers', async () => {
    planned(() => directive({ tool: 'shell', args: { command: 'echo x' }, reason: 'more' }));
    const { answer, events } = await ask(s, await freshPlace(s), 'loop');
    expect(s.model.calls.filter((call) => call.model === 'planner')).toHaveLength(4);
    expect(events.find((event) => event.type === 'rounds.exhausted')).toMatchObject({ max: 4 });
    expect(answer).toBe('written answer');
    expect(events.at(-1)).toMatchObject({ type: 'turn.finished', reason: 'exhausted' });
  });

  it('E9: a string among the actions fails with an event, and the others run', async () => {
    planned((round) =>
      round === 0
        ? directive({ tool: 'shell', args: { command: 'echo a' } }, 'nonsense', {
            tool: 'shell',
            args: { command: 'echo b' },
          })
        : directive(),
    );
    const { events } = await ask(s, await freshPlace(s), 'mixed');
    expect(toolResults(events).map((event) => [event.index, event.ok])).toEqual([
      [1, true],
      [2, false],
      [3, true],
    ]);
  });

  it('E10: invalid JSON once gets one repair call that carries the error', async () => {
    planned((round) => (round === 0 ? { text: '{"actions": [' } : directive()));
    const { answer } = await ask(s, await freshPlace(s), 'repair');
    const calls = s.model.calls.filter((call) => call.model === 'planner');
    expect(calls).toHaveLength(2);
    expect(calls[1]?.question).toContain('not valid JSON');
    expect(answer).toBe('written answer');
  });

  it('E11: invalid JSON twice is directive.failed; the thinker is told that no tools ran', async () => {
    planned(() => ({ text: 'I would rather chat' }));
    const { answer, events } = await ask(s, await freshPlace(s), 'stubborn');
    expect(types(events)).toContain('directive.failed');
    expect(s.model.calls.filter((call) => call.model === 'planner')).toHaveLength(2);
    expect(s.model.calls.at(-1)?.text).toContain('No tools ran');
    expect(answer).toBe('written answer');
  });
});

describe('settings of the agent', () => {
  it('E8: a limit of one round is one call of the planner', async () => {
    const s = await startScenario({
      yaml: 'agent: { planner: directive, max_rounds: 1 }',
      model: '  roles: { action: { model: planner } }',
    });
    try {
      s.model.script((call) =>
        call.model === 'planner'
          ? directive({ tool: 'shell', args: { command: 'echo x' } })
          : { text: 'end' },
      );
      await ask(s, await freshPlace(s), 'loop');
      expect(s.model.calls.filter((call) => call.model === 'planner')).toHaveLength(1);
    } finally {
      await s.close();
    }
  });

  it.each([
    ['on', 'medium'],
    ['off', 'none'],
    ['high', 'high'],
  ])('E4: reasoning %s is sent; what was thought is stored and not posted', async (setting, sent) => {
    const s = await startScenario({ model: `    reasoning: ${setting}` });
    try {
      s.model.script(() => ({ text: 'short answer', reasoning: 'long private thoughts' }));
      const { answer, events } = await ask(s, await freshPlace(s), 'think');
      expect(s.model.calls[0]?.body.reasoning_effort).toBe(sent);
      expect(events.find((event) => event.type === 'model.responded')).toMatchObject({
        reasoning: 'long private thoughts',
      });
      expect(answer).toBe('short answer');
      expect(s.owner.raw()).not.toContain('private thoughts');
    } finally {
      await s.close();
    }
  });

  it('E4: reasoning left out sends nothing', async () => {
    const s = await startScenario();
    try {
      await ask(s, await freshPlace(s), 'plain');
      expect(s.model.calls[0]?.body).not.toHaveProperty('reasoning_effort');
    } finally {
      await s.close();
    }
  });
});
