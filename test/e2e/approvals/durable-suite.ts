/** Approvals over crashes, restarts and time, through the real program: ENGINE.md rows 22 to 26, 35, 44 to 48 and 74. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/gateway.ts';
import {
  asked,
  DENY,
  gate,
  ONCE,
  processesWith,
  type Scenario,
  scripts,
  sh,
  startScenario,
  types,
} from '../support/scenario.ts';
import { type Place, textOf } from '../support/web-client.ts';

export function durableApprovals(database: TestDatabase): void {
  describe(`approvals over restarts and time on ${database.name}`, () => {
    describe('one gateway', () => {
      let s: Scenario;
      beforeAll(async () => {
        // As many rounds as E35 has; the others need fewer.
        s = await startScenario({ storeUrl: await database.url(), yaml: 'agent: { max_rounds: 4 }' });
      });
      afterAll(() => s.close());

      const answer = (place: Place) =>
        until('the answer', () =>
          s.owner.posts().find((post) => post.kind === 'answer' && post.conversation === place.conversation),
        );

      it('E22, E23, E24: what hides a change in a line, or cannot be told, asks as the change itself does', async () => {
        const disguised = ['r\\m x', '"r"m x', 'FOO=1 rm x', 'timeout 5 rm x', 'bash -c "rm x"'];
        const commands = [
          ...['rm x', ...disguised],
          ...['ls; rm x', 'echo $(rm x)', 'cat <(curl u)', 'echo a > f'],
          ...['$cmd x', 'eval "rm x"', 'ls ('],
        ];
        scripts(s)('hidden', sh(...commands));
        const place = await s.owner.createConversation('hidden', false);
        const { id } = await s.owner.post(place, 'hidden');
        await s.owner.press(place, await s.owner.card(place), 'Deny all');
        await answer(place);
        const events = await s.eventsOf(id);
        const requested = events.filter((event) => event.type === 'approval.requested');
        expect(requested.map((event) => event.action)).toMatchObject(
          commands.map((command) => ({ args: { command } })),
        );
        const [plain] = requested;
        const asPlain = { risk: plain?.risk, reasons: expect.arrayContaining(plain?.reasons as string[]) };
        expect(requested.slice(1, 1 + disguised.length)).toMatchObject(disguised.map(() => asPlain));
        expect(requested.every((event) => event.risk !== 'low')).toBe(true);
        expect(types(events)).not.toContain('tool.started');
      });

      it('E44, F38, F6: a button pressed after kill -9 and restart resumes as usual', async () => {
        scripts(s)('restart', sh('echo early', 'mkdir made-44', 'echo late'));
        const place = await s.owner.createConversation('restart', false);
        const { id } = await s.owner.post(place, 'restart');
        const card = await s.owner.card(place);
        await s.restart();
        await s.owner.press(place, card, ONCE);
        await answer(place);
        expect(
          (await s.eventsOf(id))
            .filter((event) => event.type === 'tool.finished')
            .map((event) => event.index),
        ).toEqual([1, 2, 3]);
        expect((await s.folder.cli('audit', 'verify', '--config', 'parley.yaml')).code).toBe(0);
      });

      it('E45, P7: an action altered in the database after asking is refused as a digest mismatch', async () => {
        scripts(s)('tamper', sh('mkdir harmless-45'));
        const place = await s.owner.createConversation('tamper', false);
        const { id } = await s.owner.post(place, 'tamper');
        const card = await s.owner.card(place);
        const tampered = `UPDATE approvals SET action = replace(action, 'harmless-45', 'evil-45') WHERE action LIKE '%harmless-45%'`;
        expect(await database.run(s.folder.path, tampered)).toBe(1);
        await s.owner.press(place, card, ONCE);
        await answer(place);
        const result = (await s.eventsOf(id)).find((event) => event.type === 'tool.finished');
        expect(result).toMatchObject({ ok: false, output: expect.stringContaining('digest mismatch') });
        expect(existsSync(join(s.folder.path, 'data/workspace/evil-45'))).toBe(false);
      });

      it('E35: rounds used before the approval still count after it', async () => {
        let calls = 0;
        s.model.script((call) => {
          if (call.tools === undefined) return { text: 'end' };
          calls += 1;
          return calls === 2 ? sh('mkdir made-35') : sh(`echo round-${calls}`);
        });
        const place = await s.owner.createConversation('rounds', false);
        await s.owner.post(place, 'go');
        await s.owner.press(place, await s.owner.card(place), ONCE);
        await answer(place);
        expect(calls).toBe(4);
      });

      it('E48, F5, P6: killed inside a once-only tool it is not run again silently: somebody is asked', async () => {
        scripts(s)('crash', sh('sh -c "echo ran >> log-48; sleep 30"'));
        const place = await s.owner.createConversation('crash', false);
        const { id } = await s.owner.post(place, 'crash');
        await s.owner.press(place, await s.owner.card(place), ONCE);
        await until('the tool to run', () => existsSync(join(s.folder.path, 'data/workspace/log-48')));
        await s.restart();
        const card = await until('the question', () =>
          s.owner
            .posts()
            .find((post) => post.buttons.length > 0 && post.card?.why.join().includes('unknown')),
        );
        const events = await s.eventsOf(id);
        expect(types(events)).toContain('tool.interrupted');
        expect(events.filter((event) => event.type === 'tool.started')).toHaveLength(1);
        await s.owner.press(place, card, DENY);
        await answer(place);
      });

      it('E74, E25, F27: /stop ends a running tool, and all of it, within seconds', async () => {
        const seconds = `302.${process.pid}`;
        scripts(s)('halt', sh(`sh -c "sleep ${seconds} & trap '' TERM; sleep ${seconds}"`));
        const place = await s.owner.createConversation('halt', false);
        const { id } = await s.owner.post(place, 'halt');
        await s.owner.press(place, await s.owner.card(place), ONCE);
        await until('the tool to run', () => processesWith(seconds).length > 1);
        const stoppedAt = Date.now();
        await s.owner.command(place, '/stop');
        await until(
          'the turn to be cancelled',
          async () => (await s.turns()).find((turn) => turn.messageId === id)?.status === 'cancelled',
        );
        const finished = (await s.eventsOf(id)).find((event) => event.type === 'turn.finished');
        // By the log, as reading it takes its own time; two seconds on a machine that does nothing else.
        expect(Date.parse(String(finished?.at)) - stoppedAt).toBeLessThan(10_000);
        await until('all of it to be gone', () => processesWith(seconds).length === 0);
      });

      it('E74: /stop during a model call ends the call', async () => {
        const door = gate();
        s.model.script(() => ({ text: 'first word and more', holdAfterFirst: door.wait }));
        const place = await s.owner.createConversation('call', false);
        const { id } = await s.owner.post(place, 'talk');
        const call = await asked(s, 'talk');
        await s.owner.stop(place);
        await call.aborted;
        await until(
          'the turn to be cancelled',
          async () => (await s.turns()).find((turn) => turn.messageId === id)?.status === 'cancelled',
        );
        const here = s.owner.posts().filter((post) => post.conversation === place.conversation);
        expect(here.some((post) => post.kind === 'answer')).toBe(false);
        door.open();
      });

      it('E26, A24, A40: even an approved command finds neither database nor configuration, where the sandbox works', async () => {
        scripts(s)('snoop', sh('sh -c "ls .. ; cat ../../parley.yaml; cat ../parley.db; env"'));
        const place = await s.owner.createConversation('snoop', false);
        const { id } = await s.owner.post(place, 'snoop');
        const card = await s.owner.card(place);
        await s.owner.press(place, card, ONCE);
        await answer(place);
        const events = await s.eventsOf(id);
        const output = JSON.stringify(events.filter((event) => event.type === 'tool.finished'));
        // Values are taken out of any output; what the sandbox hides is not even there.
        for (const written of [JSON.stringify(events), s.gateway.output()])
          expect(written).not.toMatch(/owner-token-for-tests|test-model-key/);
        const sandboxed = card.card?.facts.join().includes('sandbox: bubblewrap, ') === true;
        expect(/SQLite format|models:/.test(output)).toBe(!sandboxed);
      });
    });

    it('E46, F37: without a decision in time it is denied as expired, the card says so, the turn ends', async () => {
      const s = await startScenario({
        storeUrl: await database.url(),
        yaml: 'approvals: { expires_after: 300ms }',
      });
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

    it('F7, F37: a request whose deadline passed while the gateway was down is expired', async () => {
      const s = await startScenario({
        storeUrl: await database.url(),
        yaml: 'approvals: { expires_after: 2s }',
      });
      try {
        scripts(s)('late', sh('mkdir not-made-f7'));
        const place = await s.owner.createConversation('late', false);
        const { id } = await s.owner.post(place, 'late');
        await s.owner.card(place);
        const deadline = Date.now() + 2_000;
        await s.gateway.kill();
        await until('the deadline', () => Date.now() > deadline);
        await s.restart();
        await until(
          'the end',
          async () => (await s.turns()).find((turn) => turn.messageId === id)?.status === 'done',
        );
        expect((await s.eventsOf(id)).find((event) => event.type === 'approval.resolved')).toMatchObject({
          decision: 'expired',
        });
        expect(existsSync(join(s.folder.path, 'data/workspace/not-made-f7'))).toBe(false);
      } finally {
        await s.close();
      }
    });

    it('F7: what was approved in time and could not start in time is not run any more', async () => {
      const s = await startScenario({
        storeUrl: await database.url(),
        yaml: 'approvals: { expires_after: 8s }',
      });
      try {
        scripts(s)('slow', sh('sh -c "until test -e go; do sleep 0.2; done"', 'mkdir not-made-f7b'));
        const place = await s.owner.createConversation('slow', false);
        const { id } = await s.owner.post(place, 'slow');
        await s.owner.press(place, await s.owner.card(place, 'not-made-f7b'), ONCE);
        await s.owner.press(place, await s.owner.card(place, 'sleep'), ONCE);
        const requested = (await s.eventsOf(id)).filter((event) => event.type === 'approval.requested');
        const deadline = Math.max(...requested.map((event) => Number(event.expiresAt)));
        await until('the deadline', () => Date.now() > deadline);
        writeFileSync(join(s.folder.path, 'data/workspace/go'), '');
        await until('the answer', () => s.owner.posts().find((post) => post.kind === 'answer'));
        const results = (await s.eventsOf(id)).filter((event) => event.type === 'tool.finished');
        expect(results.map((event) => event.ok)).toEqual([true, false]);
        expect(results[1]?.output).toContain('expired before it could start');
        expect(existsSync(join(s.folder.path, 'data/workspace/not-made-f7b'))).toBe(false);
      } finally {
        await s.close();
      }
    });

    it('E47: with nobody to approve it is denied at once, and the requester is told', async () => {
      const s = await startScenario({ storeUrl: await database.url(), approvers: '[]' });
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
  });
}
