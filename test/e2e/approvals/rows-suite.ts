/** Approvals through the real program, its web chat and a scripted model: ENGINE.md rows 19 to 48. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ScriptedReply } from '../../fakes/model-server.ts';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/gateway.ts';
import {
  ALWAYS,
  BO_TOKEN,
  CY_TOKEN,
  DENY,
  type EventRow,
  ONCE,
  type Scenario,
  scripts,
  sh,
  startScenario,
  types,
} from '../support/scenario.ts';
import { type Place, textOf, type WebClient } from '../support/web-client.ts';

export function approvalRows(database: TestDatabase): void {
  describe(`approvals on ${database.name}`, () => {
    let s: Scenario;
    let plan: ReturnType<typeof scripts>;
    let bo: WebClient;
    let cy: WebClient;
    let number = 0;

    beforeAll(async () => {
      s = await startScenario({
        storeUrl: await database.url(),
        model: '    reasoning: high',
        // The same workspace under another profile.
        yaml: 'profiles: { ops: {} }\nroutes: [{ channel: web, conversation: general, profile: ops }]',
      });
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
    const answer = (place: Place, client = s.owner) =>
      until('the answer', () =>
        inPlace(client, place).find((post) => post.kind === 'answer' || post.kind === 'error'),
      );
    const workspaceFile = (name: string) => join(s.folder.path, 'data/workspace', name);
    const finished = (events: readonly EventRow[]) =>
      events.filter((event) => event.type === 'tool.finished');
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
      expect(card.card?.facts.join(' ')).toContain('asked by Owner');
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
      for (const part of ['[no output]', 'Owner denied it']) expect(last?.text).toContain(part);
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

    it('E31: the request after approval has history, skills, reasoning setting and earlier observations', async () => {
      const { place, key } = await begin({ text: 'the launch code word is heron' });
      await answer(place);
      plan(key, sh('echo seen-before'), sh('mkdir made-31'));
      await s.owner.post(place, 'go on');
      const card = await s.owner.card(place, 'made-31');
      const before = callsOf(key).at(-1);
      await s.owner.press(place, card, ONCE);
      await until(
        'the second answer',
        () => inPlace(s.owner, place).filter((post) => post.kind === 'answer').length === 2,
      );
      const last = callsOf(key).at(-1);
      for (const part of ['heron', 'seen-before', 'go on', 'meeting-minutes'])
        expect(last?.text).toContain(part);
      expect(last?.body.reasoning_effort).toBe('high');
      expect(last?.messages.slice(0, before?.messages.length)).toEqual(before?.messages);
    });

    it('E33: a denial skips the rest of the batch; no further round, a reply is written', async () => {
      const { place, id, key } = await begin(sh('mkdir not-made-33', 'echo skipped'));
      await s.owner.press(place, await s.owner.card(place), DENY);
      await answer(place);
      const events = await s.eventsOf(id);
      expect(finished(events)).toHaveLength(0);
      expect(events.find((event) => event.type === 'tool.skipped')).toMatchObject({
        index: 2,
        tool: 'shell',
      });
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
      expect(textOf(told.html)).toMatch(/Already decided: Approved once by (Owner|[Bb]o)\./);
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
      const events = await s.eventsOf(id);
      expect(events.find((event) => event.type === 'approval.refused')).toMatchObject({
        by: 'web:cy',
        decision: 'once',
      });
      expect((await s.turns()).find((turn) => turn.messageId === id)?.status).toBe('waiting');
      await s.owner.press(place, card, DENY);
      await answer(place, bo);
      // By then anything said to all has come to everybody.
      expect(bo.raw()).not.toContain('may not decide');
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
      expect(textOf((await s.owner.command(place, `/approve ${turn} once`)).html)).toContain(
        'no such request',
      );
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
        'Approved once by Owner',
      );
      await answer(place);
      expect(existsSync(workspaceFile('made-41'))).toBe(true);
    });

    it('E42, E43: always runs the same action unprompted; another one, another profile and one revoked ask', async () => {
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
      const ops: Place = { conversation: 'general' };
      plan('under-ops', sh('mkdir -p always-42'));
      await s.owner.post(ops, 'under-ops');
      await s.owner.press(ops, await s.owner.card(ops), DENY);
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

    it('E43: an always that was revoked on the command line asks again', async () => {
      const first = await begin(sh('mkdir -p always-43'));
      await s.owner.press(first.place, await s.owner.card(first.place), ALWAYS);
      await answer(first.place);
      const [regranted] = await s.folder.json<{ id: string }>('approvals', 'list', '--json');
      const revoked = await s.folder.cli(
        'approvals',
        'revoke',
        regranted?.id ?? '',
        '--config',
        'parley.yaml',
      );
      expect(revoked.stdout).toContain('Revoked');
      const last = await begin(sh('mkdir -p always-43'));
      await s.owner.press(last.place, await s.owner.card(last.place), DENY);
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
      await settled(place, 'Approved once by Owner — exit 0');
      const seen = await until('the card at the other person', () =>
        inPlace(bo, place).find((post) => post.card?.outcome?.includes('exit 0')),
      );
      expect(seen.buttons).toEqual([]);
    });
  });
}
