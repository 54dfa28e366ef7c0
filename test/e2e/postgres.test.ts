/** The same program on PostgreSQL: turns, approvals over a crash, and two gateways on one database (F41). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../contract/store/postgres.ts';
import { until } from './support/gateway.ts';
import {
  ask,
  freshPlace,
  gate,
  ONCE,
  OWNER_TOKEN,
  scripts,
  sh,
  startScenario,
  toolResults,
} from './support/scenario.ts';
import { signIn, textOf } from './support/web-client.ts';

describe('on PostgreSQL', () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  it('E16, E44, E73: answers, keeps an approval over kill -9 and restart, and its log verifies', async () => {
    const s = await startScenario({ storeUrl: await postgres.createDatabase() });
    try {
      const place = await freshPlace(s);
      s.model.script(() => ({ text: 'first answer' }));
      expect((await ask(s, place, 'hello')).answer).toBe('first answer');
      scripts(s)('restart', sh('echo early', 'mkdir made-on-postgres'));
      const { id } = await s.owner.post(place, 'restart');
      const card = await s.owner.card(place);
      await s.restart();
      await s.owner.press(place, card, ONCE);
      await until('the answer', () => s.owner.posts().find((post) => textOf(post.html) === 'written answer'));
      expect(toolResults(await s.eventsOf(id)).map((event) => event.ok)).toEqual([true, true]);
      expect(await s.folder.look('audit', 'verify')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('intact'),
        stderr: '',
      });
    } finally {
      await s.close();
    }
  });

  it('F41, E17: two gateways on one database run each turn once, in order', async () => {
    const s = await startScenario({ storeUrl: await postgres.createDatabase() });
    const second = await s.folder.start();
    try {
      const there = await signIn(second.url, OWNER_TOKEN);
      s.model.script((call) => ({ text: `re ${call.question}` }));
      const place = await freshPlace(s);
      const numbers = Array.from({ length: 8 }, (_, i) => i);
      for (const i of numbers) await (i % 2 === 0 ? s.owner : there).post(place, `message ${i}`);
      await until('all answers at both', () =>
        [s.owner, there].every(
          (client) => client.posts().filter((post) => post.kind === 'answer').length === numbers.length,
        ),
      );
      expect(s.model.calls.map((call) => call.question)).toEqual(numbers.map((i) => `message ${i}`));
      there.close();
    } finally {
      await second.kill();
      await s.close();
    }
  });

  it('E74: stopped at another gateway than the one it runs at, a turn ends', async () => {
    const s = await startScenario({ storeUrl: await postgres.createDatabase() });
    const second = await s.folder.start();
    try {
      const there = await signIn(second.url, OWNER_TOKEN);
      const door = gate();
      s.model.script(() => ({ text: 'never said', hold: door.wait }));
      // The gateway that takes a message runs it while it has room.
      const place = await freshPlace(s);
      const { id } = await s.owner.post(place, 'work');
      const call = await until('the call', () => s.model.calls[0]);
      await there.stop(place);
      await call.aborted;
      await until(
        'the turn to be cancelled',
        async () => (await s.turns()).find((turn) => turn.messageId === id)?.status === 'cancelled',
      );
      door.open();
      there.close();
    } finally {
      await second.kill();
      await s.close();
    }
  });

  it('F30: is not ready while the database takes no writes, and says why in the log', async () => {
    const own = await startPostgres();
    const s = await startScenario({ storeUrl: await own.createDatabase() });
    try {
      expect((await s.owner.fetch('/readyz')).status).toBe(200);
      await own.stop();
      await until('the change', async () => (await s.owner.fetch('/readyz')).status === 503, 25_000);
      expect(s.gateway.output()).toContain('the database does not take writes');
    } finally {
      await s.close();
    }
  }, 60_000);
});
