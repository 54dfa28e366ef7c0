/**
 * Rows of approvals and side questions (ENGINE.md 28 to 52) written once, run on every channel: through the real
 * program and the real SDKs, against the fake platforms and a scripted model.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ModelCall, ScriptedReply } from '../fakes/model-server.ts';
import { stopRows } from './stop-suite.ts';
import { until } from './support/gateway.ts';
import type { Room, Talk } from './support/room.ts';
import { ALWAYS, DENY, type EventRow, ONCE, sh, toolResults } from './support/scenario.ts';

/** The model of side questions in every scenario. */
const isAside = (call: ModelCall): boolean => call.model === 'aside-model';

/** How many rounds E35 has; the other rows need fewer. */
const ROUNDS = 4;

export function engineRows(channel: string, start: (yaml: string) => Promise<Room>): void {
  describe(`engine rows on ${channel}`, () => {
    let room: Room;
    let plans: Map<string, ScriptedReply[]>;
    let number = 0;

    beforeAll(async () => {
      room = await start(`agent: { max_rounds: ${ROUNDS} }`);
    });
    afterAll(() => room.close());
    beforeEach(() => {
      room.model.reset();
      plans = new Map();
      room.model.script((call) => {
        if (isAside(call)) return { text: sideAnswer(asides().length) };
        const key = [...plans.keys()].find((one) => call.text.includes(one));
        return plans.get(key ?? '')?.shift() ?? { text: 'written answer' };
      });
    });

    const asides = () => room.model.calls.filter(isAside);
    /** Unlike any other of this file, as people keep what they were shown. */
    const sideAnswer = (nth: number) => `side answer ${number}-${nth}.`;
    const callsOf = (key: string) =>
      room.model.calls.filter((call) => !isAside(call) && call.text.includes(key));
    const isMade = (name: string) => existsSync(join(room.folder.path, 'data/workspace', name));
    const requestsIn = (events: readonly EventRow[]) =>
      events.filter((event) => event.type === 'approval.requested');

    /** A message in a new place, and what the model answers to it there, in turn. */
    async function begin(...replies: ScriptedReply[]): Promise<{ talk: Talk; id: string; key: string }> {
      number += 1;
      const key = `task-${number}-`;
      plans.set(key, replies);
      const talk = await room.open(key);
      return { talk, id: talk.id, key };
    }

    it('E28: approved, the rest of the batch runs with no new model call', async () => {
      const { talk, id, key } = await begin(sh('echo before', 'mkdir made-28', 'echo after'));
      const card = await talk.card('mkdir made-28');
      expect(toolResults(await room.eventsOf(id)).map((event) => event.index)).toEqual([1]);
      expect(callsOf(key)).toHaveLength(1);
      await card.press(ONCE, 'first');
      await talk.heard('written answer');
      const results = toolResults(await room.eventsOf(id));
      expect(results.map((event) => [event.index, event.ok])).toEqual([
        [1, true],
        [2, true],
        [3, true],
      ]);
      expect(callsOf(key)).toHaveLength(2);
      expect(isMade('made-28')).toBe(true);
    });

    it('E29: of two risky actions the approved one runs, the denied one does not; the model hears of both', async () => {
      const { talk, id, key } = await begin(sh('mkdir made-29', 'mkdir other-29'));
      const [good, bad] = [await talk.card('mkdir made-29'), await talk.card('mkdir other-29')];
      await good.press(ONCE, 'first');
      await bad.press(DENY, 'second');
      await talk.heard('written answer');
      expect([isMade('made-29'), isMade('other-29')]).toEqual([true, false]);
      expect(toolResults(await room.eventsOf(id)).map((event) => event.index)).toEqual([1]);
      const heard = callsOf(key)
        .at(-1)
        ?.messages.filter((message) => message.role === 'tool')
        .map((message) => String(message.content));
      expect(heard).toEqual([
        expect.stringMatching(/action 1 shell">\n\[no output\]/),
        expect.stringMatching(/action 2 shell \(failed\)">\nNot run: \w+ denied it\./),
      ]);
    });

    it('E31: the request after approval is the one before it, with what was observed since', async () => {
      const { talk, key } = await begin({ text: 'the launch code word is heron' });
      await talk.heard('heron');
      plans.set(key, [sh('echo seen-before'), sh('mkdir made-31'), { text: 'second answer' }]);
      await talk.say('go on');
      const card = await talk.card('mkdir made-31');
      const before = callsOf(key).at(-1);
      await card.press(ONCE, 'first');
      await talk.heard('second answer');
      const after = callsOf(key).at(-1);
      for (const part of ['heron', 'go on', 'seen-before']) expect(after?.text).toContain(part);
      // Instructions, memory and history are the same messages; so is every setting of the call.
      expect(after?.messages.slice(0, before?.messages.length)).toEqual(before?.messages);
      expect({ ...after?.body, messages: [] }).toEqual({ ...before?.body, messages: [] });
    });

    it('E32: approved at index 3, the next action has index 4', async () => {
      const { talk, id } = await begin(sh('echo a', 'echo b', 'mkdir made-32'), sh('echo d'));
      const card = await talk.card('mkdir made-32');
      await card.press(ONCE, 'second');
      await talk.heard('written answer');
      const events = await room.eventsOf(id);
      expect(requestsIn(events).map((event) => event.index)).toEqual([3]);
      expect(toolResults(events).map((event) => event.index)).toEqual([1, 2, 3, 4]);
    });

    it('E34: another risky action after an approval waits anew, with a new id', async () => {
      const { talk, id } = await begin(sh('mkdir made-34'), sh('mkdir other-34'));
      await (await talk.card('mkdir made-34')).press(ONCE, 'first');
      const second = await talk.card('mkdir other-34');
      expect([isMade('made-34'), isMade('other-34')]).toEqual([true, false]);
      await second.press(ONCE, 'first');
      await talk.heard('written answer');
      expect(isMade('other-34')).toBe(true);
      const ids = requestsIn(await room.eventsOf(id)).map((event) => event.approvalId);
      expect(new Set(ids).size).toBe(2);
    });

    it('E35: rounds used before the approval still count after it', async () => {
      const { talk, key } = await begin(
        sh('echo one'),
        sh('mkdir made-35'),
        sh('echo three'),
        sh('echo four'),
      );
      const used = () => callsOf(key).filter((call) => call.tools !== undefined).length;
      const card = await talk.card('mkdir made-35');
      expect(used()).toBe(2);
      await card.press(ONCE, 'first');
      await talk.heard('written answer');
      expect(used()).toBe(ROUNDS);
      expect(callsOf(key).at(-1)?.tools).toBeUndefined();
    });

    it('E41: undecided, it waits on through further messages, without an event; typed text decides it', async () => {
      const { talk, id } = await begin(sh('mkdir made-41'));
      const card = await talk.card('mkdir made-41');
      const before = await room.eventsOf(id);
      const known = (await room.turns()).length;
      await talk.say('continue');
      const turns = await until('the next message to be taken', async () => {
        const all = await room.turns();
        return all.length > known ? all : undefined;
      });
      expect(turns.filter((turn) => turn.status === 'waiting')).toHaveLength(1);
      expect(await room.eventsOf(id)).toEqual(before);
      expect(isMade('made-41')).toBe(false);
      await talk.approve(String(requestsIn(before)[0]?.approvalId), 'once');
      await card.settled('Approved once by');
      await talk.heard('written answer');
      expect(isMade('made-41')).toBe(true);
    });

    it('E42, E43: always runs that action unprompted; another argument asks, and so it does after revoking', async () => {
      const command = 'mkdir -p always-42';
      const first = await begin(sh(command));
      const card = await first.talk.card(command);
      await card.press(ALWAYS, 'first');
      await card.settled('Always allowed by');
      await first.talk.heard('written answer');

      const again = await begin(sh('mkdir  -p   always-42'));
      await again.talk.heard('written answer');
      const unprompted = await room.eventsOf(again.id);
      expect(requestsIn(unprompted)).toHaveLength(0);
      expect(unprompted.find((event) => event.type === 'command.audited')).toMatchObject({ approved: true });

      const changed = await begin(sh('mkdir -p always-42-b'));
      await (await changed.talk.card('always-42-b')).press(DENY, 'second');
      await changed.talk.heard('written answer');
      expect(isMade('always-42-b')).toBe(false);

      const grants = await room.folder.json<{ id: string; kind: string; args: { command: string } }>(
        'approvals',
        'list',
        '--json',
      );
      const grant = grants.find((one) => one.kind === 'always' && one.args.command === command);
      const revoked = await room.folder.cli(
        'approvals',
        'revoke',
        grant?.id ?? '',
        '--config',
        'parley.yaml',
      );
      expect(revoked.code).toBe(0);
      const after = await begin(sh(command));
      await (await after.talk.card(command)).press(DENY, 'first');
      await after.talk.heard('written answer');
    });

    it('E45, P7: an action altered in the database after asking is refused as a digest mismatch', async () => {
      const { talk, id } = await begin(sh('mkdir harmless-45'));
      const card = await talk.card('mkdir harmless-45');
      const database = new Database(join(room.folder.path, 'data/parley.db'));
      const { changes } = database
        .prepare(
          `UPDATE approvals SET action = replace(action, 'harmless-45', 'evil-45') WHERE action LIKE '%harmless-45%'`,
        )
        .run();
      database.close();
      expect(changes).toBe(1);
      await card.press(ONCE, 'first');
      await talk.heard('written answer');
      const [result] = toolResults(await room.eventsOf(id));
      expect(result).toMatchObject({ ok: false, output: expect.stringContaining('digest mismatch') });
      expect([isMade('evil-45'), isMade('harmless-45')]).toEqual([false, false]);
    });

    it('E51: asked aside while it waits and afterwards, no tool call or result is sent along', async () => {
      const { talk } = await begin(sh('echo looked', 'mkdir other-51'));
      const card = await talk.card('mkdir other-51');
      await talk.aside('what is it waiting for?', sideAnswer(1));
      expect(asides()[0]?.text).toContain('mkdir other-51');
      await card.press(DENY, 'first');
      await talk.heard('written answer');
      await talk.aside('and now?', sideAnswer(2));
      expect(asides()).toHaveLength(2);
      for (const call of asides()) {
        expect(call.body).not.toHaveProperty('tools');
        expect(call.messages.some((one) => one.role === 'tool' || one.tool_calls !== undefined)).toBe(false);
      }
    });

    it('E52: a last message that never got its answer is left out of what an aside knows', async () => {
      const { talk, key } = await begin({ text: 'first answer' });
      await talk.heard('first answer');
      plans.set(key, [{ status: 400, error: { message: 'no' } }]);
      await talk.say('unanswerable request');
      await talk.heard('(ref ');
      await talk.aside('summary?', sideAnswer(1));
      expect(asides()[0]?.text).toContain('first answer');
      expect(asides()[0]?.text).not.toContain('unanswerable request');
    });

    it('E56: what was asked aside leaves no trace in the next request', async () => {
      const { talk, key } = await begin({ text: 'first answer' });
      await talk.heard('first answer');
      await talk.aside('SIDE-QUESTION?', sideAnswer(1));
      plans.set(key, [{ text: 'next answer' }]);
      await talk.say('go on');
      await talk.heard('next answer');
      expect(JSON.stringify(callsOf(key).at(-1)?.body)).not.toMatch(/SIDE-QUESTION|side answer/);
    });

    it('A35: nothing of one conversation is in the request of another', async () => {
      const one = await begin({ text: 'CANARY-A35 answer' });
      await one.talk.heard('CANARY-A35');
      const other = await begin({ text: 'another answer' });
      await other.talk.heard('another answer');
      const seen = JSON.stringify(callsOf(other.key).map((call) => call.body));
      expect(seen).not.toContain('CANARY-A35');
      expect(seen).not.toContain(one.key);
    });

    stopRows({ room: () => room, begin, callsOf });

    it('E48, P6: killed inside a once-only tool it is not run again silently: somebody is asked', async () => {
      const { talk, id } = await begin(sh('sh -c "echo ran >> log-48; sleep 30"'));
      await (await talk.card('log-48')).press(ONCE, 'first');
      await until('the tool to run', () => existsSync(join(room.folder.path, 'data/workspace/log-48')));
      await room.restart();
      const card = await talk.card('log-48');
      const events = await room.eventsOf(id);
      expect(events.some((event) => event.type === 'tool.interrupted')).toBe(true);
      expect(events.filter((event) => event.type === 'tool.started')).toHaveLength(1);
      await card.press(DENY, 'first');
      await talk.heard('written answer');
    });
  });
}
