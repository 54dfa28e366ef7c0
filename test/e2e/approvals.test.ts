/** Approvals through the real program, its web chat and a scripted model: ENGINE.md rows 19 to 48. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ModelCall, ScriptedReply } from '../fakes/model-server.ts';
import { until } from './support/gateway.ts';
import {
  BO_TOKEN,
  CY_TOKEN,
  type EventRow,
  gate,
  type Scenario,
  startScenario,
  types,
} from './support/scenario.ts';
import { type Place, textOf, type WebClient } from './support/web-client.ts';

const ONCE = 'Approve once';
const ALWAYS = 'Always allow this';
const DENY = 'Deny';

const sh = (...commands: string[]): ScriptedReply => ({
  toolCalls: commands.map((command) => ({ name: 'shell', args: { command } })),
});

/** Each conversation follows its own list of answers, whatever runs beside it. */
function scripts(s: Scenario) {
  const plans = new Map<string, ScriptedReply[]>();
  s.model.script((call: ModelCall) => {
    const key = [...plans.keys()].find((one) => call.text.includes(one));
    return plans.get(key ?? '')?.shift() ?? { text: 'written answer' };
  });
  return (key: string, ...replies: ScriptedReply[]): void => void plans.set(key, replies);
}

describe('approvals', () => {
  let s: Scenario;
  let plan: ReturnType<typeof scripts>;
  let bo: WebClient;
  let cy: WebClient;
  let number = 0;

  beforeAll(async () => {
    s = await startScenario();
    bo = await s.as(BO_TOKEN);
    cy = await s.as(CY_TOKEN);
  });
  afterAll(() => s.close());
  beforeEach(() => {
    s.model.reset();
    plan = scripts(s);
  });

  /** A shared place and a message that names the plan in it. */
  async function begin(...replies: ScriptedReply[]): Promise<{ place: Place; id: string; key: string }> {
    number += 1;
    const key = `task-${number}-`;
    plan(key, ...replies);
    const place = await s.owner.createConversation(key, true);
    const { id } = await s.owner.post(place, key);
    return { place, id, key };
  }
  const inPlace = (client: WebClient, place: Place) =>
    client.posts().filter((post) => post.conversation === place.conversation);
  const answer = (place: Place) =>
    until('the answer', () =>
      inPlace(s.owner, place).find((post) => post.kind === 'answer' || post.kind === 'error'),
    );
  const workspaceFile = (name: string) => join(s.folder.path, 'data/workspace', name);
  const finished = (events: readonly EventRow[]) => events.filter((event) => event.type === 'tool.finished');
  const settled = (place: Place, text: string) =>
    until(`a card that says "${text}"`, () =>
      inPlace(s.owner, place).find((post) => post.card?.outcome?.includes(text)),
    );
  const callsOf = (key: string) => s.model.calls.filter((call) => call.text.includes(key));

  it('E19: ls runs unprompted and is audited as low risk, not approved by anybody', async () => {
    const { place, id } = await begin(sh('ls'));
    await answer(place);
    expect((await s.eventsOf(id)).find((event) => event.type === 'command.audited')).toMatchObject({
      command: 'ls',
      risk: 'low',
      approved: false,
      requiresApproval: false,
      exitCode: 0,
    });
  });

  it('E20, E27, F6: a risky action posts one card with the exact command, and nothing has run', async () => {
    const { place, id } = await begin(sh('rm -r build'));
    const card = await s.owner.card(place);
    expect(card.card).toMatchObject({ title: 'Run this command?', action: { text: 'rm -r build' } });
    expect(card.card?.facts.join(' ')).toContain('asked by owner');
    expect(card.buttons.map((button) => button.label)).toEqual([ONCE, ALWAYS, DENY]);
    const events = await s.eventsOf(id);
    expect(types(events).slice(-2)).toEqual(['approval.requested', 'turn.waiting']);
    expect(finished(events)).toHaveLength(0);
    expect(inPlace(s.owner, place).filter((post) => post.card !== null)).toHaveLength(1);
    await s.owner.press(place, card, DENY);
    await answer(place);
  });

  it('E21: a hard-blocked command has no card and no buttons', async () => {
    const { place, id } = await begin(sh('rm -rf /'));
    await answer(place);
    expect(inPlace(s.owner, place).some((post) => post.card !== null)).toBe(false);
    const events = await s.eventsOf(id);
    expect(events.find((event) => event.type === 'command.audited')).toMatchObject({
      blocked: true,
      approved: false,
    });
    expect(finished(events)[0]).toMatchObject({ ok: false });
  });

  it('E28: after approval the rest of the same batch runs with no new model call', async () => {
    const { place, id, key } = await begin(sh('echo before', 'mkdir made-28', 'echo after'));
    const card = await s.owner.card(place);
    expect(callsOf(key)).toHaveLength(1);
    await s.owner.press(place, card, ONCE);
    await answer(place);
    expect(finished(await s.eventsOf(id)).map((event) => [event.index, event.ok])).toEqual([
      [1, true],
      [2, true],
      [3, true],
    ]);
    expect(callsOf(key)).toHaveLength(2);
    expect(existsSync(workspaceFile('made-28'))).toBe(true);
  });

  it('E29: of two risky actions the approved one runs, the denied one does not; the model hears of both', async () => {
    const { place, id, key } = await begin(sh('mkdir made-29', 'mkdir not-made-29'));
    await s.owner.press(place, await s.owner.card(place, 'mkdir made-29'), ONCE);
    await s.owner.press(place, await s.owner.card(place, 'not-made-29'), DENY);
    await answer(place);
    expect(existsSync(workspaceFile('made-29'))).toBe(true);
    expect(existsSync(workspaceFile('not-made-29'))).toBe(false);
    expect(finished(await s.eventsOf(id)).map((event) => event.index)).toEqual([1]);
    const last = callsOf(key).at(-1);
    expect(last?.text).toContain('owner denied it');
    expect(last?.tools).toBeUndefined();
  });

  it('E30, E32, E34: stored arguments run at their index; the next risky action waits anew with a new id', async () => {
    const { place, id } = await begin(sh('echo a', 'echo b', 'mkdir made-30'), sh('mkdir made-34'));
    const first = await s.owner.card(place, 'made-30');
    await s.owner.press(place, first, ONCE);
    const second = await s.owner.card(place, 'made-34');
    await s.owner.press(place, second, ONCE);
    await answer(place);
    const events = await s.eventsOf(id);
    expect(finished(events).map((event) => event.index)).toEqual([1, 2, 3, 4]);
    const requested = events.filter((event) => event.type === 'approval.requested');
    expect(requested.map((event) => event.index)).toEqual([3, 4]);
    expect(new Set(requested.map((event) => event.approvalId)).size).toBe(2);
    expect(events.find((event) => event.type === 'tool.started' && event.index === 3)).toMatchObject({
      args: { command: 'mkdir made-30' },
    });
  });

  it('E31: the request after approval has history and earlier observations', async () => {
    const { place, key } = await begin({ text: 'the launch code word is heron' });
    await answer(place);
    plan(key, sh('echo seen-before'), sh('mkdir made-31'));
    await s.owner.post(place, 'go on');
    await s.owner.press(place, await s.owner.card(place, 'made-31'), ONCE);
    await until(
      'the second answer',
      () => inPlace(s.owner, place).filter((post) => post.kind === 'answer').length === 2,
    );
    const last = callsOf(key).at(-1)?.text ?? '';
    for (const part of ['heron', 'seen-before', 'go on']) expect(last).toContain(part);
  });

  it('E33: a denial skips the rest of the batch; no further round, a reply is written', async () => {
    const { place, id, key } = await begin(sh('mkdir not-made-33', 'echo skipped'), sh('echo never'));
    await s.owner.press(place, await s.owner.card(place), DENY);
    await answer(place);
    const events = await s.eventsOf(id);
    expect(finished(events)).toHaveLength(0);
    expect(events.find((event) => event.type === 'tool.skipped')).toMatchObject({ index: 2, tool: 'shell' });
    expect(callsOf(key)).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: 'turn.finished', reason: 'denied' });
  });

  it('E37, F36: pressed twice it runs once, and the second press hears who decided', async () => {
    const { place, id } = await begin(sh('mkdir made-37'));
    const card = await s.owner.card(place);
    const before = bo.asides().length;
    await Promise.all([s.owner.press(place, card, ONCE), bo.press(place, card, ONCE)]);
    await answer(place);
    const events = await s.eventsOf(id);
    expect(events.filter((event) => event.type === 'tool.started')).toHaveLength(1);
    expect(events.filter((event) => event.type === 'approval.resolved')).toHaveLength(1);
    const told = await until('the second press to be answered', () =>
      [...s.owner.asides(), ...bo.asides().slice(before)].find((aside) =>
        textOf(aside.html).startsWith('Already decided'),
      ),
    );
    expect(textOf(told.html)).toMatch(/Already decided: Approved once by (owner|bo)\./);
  });

  it('E38: of two opposite presses the first to commit wins', async () => {
    const { place, id } = await begin(sh('mkdir made-38'));
    const card = await s.owner.card(place);
    await Promise.all([s.owner.press(place, card, ONCE), bo.press(place, card, DENY)]);
    await answer(place);
    const resolved = (await s.eventsOf(id)).filter((event) => event.type === 'approval.resolved');
    expect(resolved).toHaveLength(1);
    expect(existsSync(workspaceFile('made-38'))).toBe(resolved[0]?.decision === 'once');
  });

  it('E39, F39, A5: a press by somebody else is refused privately, audited, and the request stays open', async () => {
    const { place, id } = await begin(sh('mkdir not-made-39'));
    const card = await s.owner.card(place);
    await cy.press(place, card, ONCE);
    const refusal = await until('the refusal', () =>
      cy.asides().find((aside) => textOf(aside.html).includes('may not decide')),
    );
    expect(textOf(refusal.html)).toContain('Ask owner or bo');
    expect(bo.raw()).not.toContain('may not decide');
    const events = await s.eventsOf(id);
    expect(events.find((event) => event.type === 'approval.refused')).toMatchObject({
      by: 'web:cy',
      decision: 'once',
    });
    expect((await s.turns()).find((turn) => turn.messageId === id)?.status).toBe('waiting');
    await s.owner.press(place, card, DENY);
    await answer(place);
  });

  it('E40, A1: unknown ids, ids of turns and unknown decisions are refused; nothing changes', async () => {
    const { place, id } = await begin(sh('mkdir not-made-40'));
    const card = await s.owner.card(place);
    const before = await s.eventsOf(id);
    const turn = (await s.turns()).find((one) => one.messageId === id)?.id ?? '';
    const approvalId = String(before.find((event) => event.type === 'approval.requested')?.approvalId);
    expect(textOf((await s.owner.command(place, '/approve AAAAAAAAAAAAAAAAAAAAAA once')).html)).toContain(
      'no such request',
    );
    expect(textOf((await s.owner.command(place, `/approve ${turn} once`)).html)).toContain('no such request');
    expect(textOf((await s.owner.command(place, `/approve ${approvalId} maybe`)).html)).toContain('Usage');
    expect(await s.owner.click(place, 'a1:o:AAAAAAAAAAAAAAAAAAAAAA')).toBe(200);
    expect(await s.owner.click(place, 'forged')).toBe(400);
    expect(await s.eventsOf(id)).toEqual(before);
    await s.owner.press(place, card, DENY);
    await answer(place);
  });

  it('E41: /approvals and /status change nothing; the text form decides as the buttons do', async () => {
    const { place, id } = await begin(sh('mkdir made-41'));
    await s.owner.card(place);
    const before = await s.eventsOf(id);
    expect(textOf((await s.owner.command(place, '/approvals')).html)).toContain('mkdir made-41');
    await s.owner.command(place, '/status');
    expect(await s.eventsOf(id)).toEqual(before);
    const approvalId = String(before.find((event) => event.type === 'approval.requested')?.approvalId);
    expect(textOf((await s.owner.command(place, `/approve ${approvalId} once`)).html)).toBe(
      'Approved once by owner',
    );
    await answer(place);
    expect(existsSync(workspaceFile('made-41'))).toBe(true);
  });

  it('E42, E43: always runs the same action unprompted, not another one; revoked, it asks again', async () => {
    const first = await begin(sh('mkdir -p always-42'));
    await s.owner.press(first.place, await s.owner.card(first.place), ALWAYS);
    await answer(first.place);
    const again = await begin(sh('mkdir -p always-42'));
    await answer(again.place);
    expect((await s.eventsOf(again.id)).find((event) => event.type === 'command.audited')).toMatchObject({
      approved: true,
    });
    const changed = await begin(sh('mkdir -p always-42b'));
    await s.owner.press(changed.place, await s.owner.card(changed.place), DENY);
    const grants = await s.folder.json<{ id: string; kind: string; args: { command: string } }>(
      'approvals',
      'list',
      '--json',
    );
    const grant = grants.find((one) => one.kind === 'always' && one.args.command === 'mkdir -p always-42');
    expect(textOf((await s.owner.command(first.place, `/approvals revoke ${grant?.id}`)).html)).toContain(
      'Revoked',
    );
    const after = await begin(sh('mkdir -p always-42'));
    await s.owner.press(after.place, await s.owner.card(after.place), DENY);
  });

  it('E74: /stop while it waits cancels the turn and settles the card', async () => {
    const { place, id } = await begin(sh('mkdir not-made-74'));
    const card = await s.owner.card(place);
    await s.owner.command(place, '/stop');
    await settled(place, 'stopped the work');
    expect((await s.turns()).find((turn) => turn.messageId === id)?.status).toBe('cancelled');
    await s.owner.press(place, card, ONCE);
    expect(types(await s.eventsOf(id)).slice(-2)).toEqual(['approval.resolved', 'turn.finished']);
  });

  it('tells the next person what the conversation is waiting for', async () => {
    const { place } = await begin(sh('mkdir not-made-wait'));
    const card = await s.owner.card(place);
    await bo.post(place, 'anybody there?');
    await until('the notice', () =>
      bo.asides().find((aside) => textOf(aside.html).includes('/stop cancels')),
    );
    await s.owner.press(place, card, DENY);
  });

  it('settles the card on every open tab, with who decided and what came of it', async () => {
    const { place } = await begin(sh('mkdir made-tabs'));
    await s.owner.press(place, await s.owner.card(place), ONCE);
    await settled(place, 'Approved once by owner — exit 0');
    const seen = await until('the card at the other person', () =>
      inPlace(bo, place).find((post) => post.card?.outcome?.includes('exit 0')),
    );
    expect(seen.buttons).toEqual([]);
  });
});

describe('approvals over restarts and time', () => {
  it('E44, F38, F6: a button pressed after kill -9 and restart resumes as usual', async () => {
    const s = await startScenario();
    try {
      scripts(s)('restart', sh('echo early', 'mkdir made-44', 'echo late'));
      const place = await s.owner.createConversation('restart', false);
      const { id } = await s.owner.post(place, 'restart');
      const card = await s.owner.card(place);
      await s.restart();
      await s.owner.press(place, card, ONCE);
      await until('the answer', () => s.owner.posts().find((post) => post.kind === 'answer'));
      expect(
        (await s.eventsOf(id)).filter((event) => event.type === 'tool.finished').map((event) => event.index),
      ).toEqual([1, 2, 3]);
      expect((await s.folder.cli('audit', 'verify', '--config', 'parley.yaml')).code).toBe(0);
    } finally {
      await s.close();
    }
  });

  it('E45, P7: an action altered in the database after asking is refused as a digest mismatch', async () => {
    const s = await startScenario();
    try {
      scripts(s)('tamper', sh('mkdir harmless-45'));
      const place = await s.owner.createConversation('tamper', false);
      const { id } = await s.owner.post(place, 'tamper');
      const card = await s.owner.card(place);
      const database = new Database(join(s.folder.path, 'data/parley.db'));
      expect(
        database.prepare(`UPDATE approvals SET action = replace(action, 'harmless-45', 'evil-45')`).run()
          .changes,
      ).toBe(1);
      database.close();
      await s.owner.press(place, card, ONCE);
      await until('the answer', () => s.owner.posts().find((post) => post.kind === 'answer'));
      const result = (await s.eventsOf(id)).find((event) => event.type === 'tool.finished');
      expect(result).toMatchObject({ ok: false, output: expect.stringContaining('digest mismatch') });
      expect(existsSync(join(s.folder.path, 'data/workspace/evil-45'))).toBe(false);
    } finally {
      await s.close();
    }
  });

  it('E46, F37: without a decision in time it is denied as expired, the card says so, the turn ends', async () => {
    const s = await startScenario({ yaml: 'approvals: { expires_after: 300ms }' });
    try {
      scripts(s)('expire', sh('mkdir not-made-46'));
      const place = await s.owner.createConversation('expire', false);
      const { id } = await s.owner.post(place, 'expire');
      const card = await until('the card', () => s.owner.posts().find((post) => post.card !== null));
      await until('the answer', () => s.owner.posts().find((post) => post.kind === 'answer'));
      await until('the settled card', () =>
        s.owner.posts().find((post) => post.card?.outcome?.startsWith('Expired')),
      );
      const events = await s.eventsOf(id);
      expect(events.find((event) => event.type === 'approval.resolved')).toMatchObject({
        decision: 'expired',
        by: null,
      });
      expect(events.at(-1)).toMatchObject({ type: 'turn.finished', reason: 'denied' });
      const token = `a1:o:${events.find((event) => event.type === 'approval.requested')?.approvalId}`;
      await s.owner.click(place, token);
      await until('the private answer', () =>
        s.owner.asides().find((aside) => textOf(aside.html).includes('expired')),
      );
      expect(card.kind).toBe('card');
    } finally {
      await s.close();
    }
  });

  it('F7, F37: a decision pressed in time counts although the gateway was down at the deadline; a late one does not', async () => {
    const s = await startScenario({ yaml: 'approvals: { expires_after: 2s }' });
    try {
      scripts(s)('late', sh('mkdir not-made-f7'));
      const place = await s.owner.createConversation('late', false);
      const { id } = await s.owner.post(place, 'late');
      await s.owner.card(place);
      await s.gateway.kill();
      const deadline = Date.now() + 2_000;
      await until('the deadline', () => Date.now() > deadline);
      await s.restart();
      await until(
        'the turn to end',
        async () => (await s.turns()).find((turn) => turn.messageId === id)?.status === 'done',
      );
      expect((await s.eventsOf(id)).find((event) => event.type === 'approval.resolved')).toMatchObject({
        decision: 'expired',
      });
    } finally {
      await s.close();
    }
  });

  it('E47: with nobody to approve it is denied at once, and the requester is told', async () => {
    const s = await startScenario({ approvers: '[]' });
    try {
      scripts(s)('nobody', sh('mkdir not-made-47'));
      const place = await s.owner.createConversation('nobody', false);
      const { id } = await s.owner.post(place, 'nobody');
      await until('the answer', () => s.owner.posts().find((post) => post.kind === 'answer'));
      await until('the notice', () =>
        s.owner
          .posts()
          .find((post) => post.kind === 'notice' && textOf(post.html).includes('access.approvers')),
      );
      expect(types(await s.eventsOf(id))).not.toContain('turn.waiting');
    } finally {
      await s.close();
    }
  });

  it('E35: rounds used before the approval still count after it', async () => {
    const s = await startScenario({ yaml: 'agent: { max_rounds: 4 }' });
    try {
      let calls = 0;
      s.model.script((call) => {
        if (call.tools === undefined) return { text: 'end' };
        calls += 1;
        return calls === 2 ? sh('mkdir made-35') : sh(`echo round-${calls}`);
      });
      const place = await s.owner.createConversation('rounds', false);
      await s.owner.post(place, 'go');
      await s.owner.press(place, await s.owner.card(place), ONCE);
      await until('the answer', () => s.owner.posts().find((post) => post.kind === 'answer'));
      expect(calls).toBe(4);
    } finally {
      await s.close();
    }
  });

  it('E48, F5, P6: killed inside a once-only tool it is not run again silently: somebody is asked', async () => {
    const s = await startScenario();
    try {
      scripts(s)('crash', sh('sh -c "echo ran >> log-48; sleep 30"'));
      const place = await s.owner.createConversation('crash', false);
      const { id } = await s.owner.post(place, 'crash');
      await s.owner.press(place, await s.owner.card(place), ONCE);
      await until('the tool to run', () => existsSync(join(s.folder.path, 'data/workspace/log-48')));
      await s.restart();
      const card = await until('the question', () =>
        s.owner.posts().find((post) => post.buttons.length > 0 && post.card?.why.join().includes('unknown')),
      );
      const events = await s.eventsOf(id);
      expect(types(events)).toContain('tool.interrupted');
      expect(events.filter((event) => event.type === 'tool.started')).toHaveLength(1);
      await s.owner.press(place, card, DENY);
      await until('the answer', () => s.owner.posts().find((post) => post.kind === 'answer'));
    } finally {
      await s.close();
    }
  });

  it('E74, E25, F27: /stop kills the process group of a running tool within two seconds', async () => {
    const s = await startScenario();
    try {
      scripts(s)('halt', sh('sh -c "sleep 300 & echo $$ > pid-74; sleep 300"'));
      const place = await s.owner.createConversation('halt', false);
      const { id } = await s.owner.post(place, 'halt');
      await s.owner.press(place, await s.owner.card(place), ONCE);
      await until('the tool to run', () => existsSync(join(s.folder.path, 'data/workspace/pid-74')));
      const started = Date.now();
      await s.owner.command(place, '/stop');
      await until(
        'the turn to be cancelled',
        async () => (await s.turns()).find((turn) => turn.messageId === id)?.status === 'cancelled',
        2_500,
      );
      expect(Date.now() - started).toBeLessThan(2_500);
    } finally {
      await s.close();
    }
  });

  it('E74: /stop during a model call ends the call', async () => {
    const s = await startScenario();
    try {
      const door = gate();
      s.model.script(() => ({ text: 'first word and more', holdAfterFirst: door.wait }));
      const place = await s.owner.createConversation('call', false);
      const { id } = await s.owner.post(place, 'talk');
      const call = await until('the call', () => s.model.calls[0]);
      await s.owner.stop(place);
      await call.aborted;
      await until(
        'the turn to be cancelled',
        async () => (await s.turns()).find((turn) => turn.messageId === id)?.status === 'cancelled',
      );
      expect(s.owner.posts().some((post) => post.kind === 'answer')).toBe(false);
      door.open();
    } finally {
      await s.close();
    }
  });
});
