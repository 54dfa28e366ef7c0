/**
 * kill -9 at any moment, also while it starts, under the load of conversations on every platform: P1 to P6 and P9 at
 * the end. `CRASH_KILLS=1000` makes it as long as patience allows.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../e2e/support/database.ts';
import { REPEAT_MARK } from './crowds.ts';
import { type LoggedTurn, outOfOrder, repeatedSteps } from './ledger.ts';
import { answerTo, type Load, SETTLED_WITHIN_MS, startLoad } from './load.ts';

const KILLS = Number(process.env.CRASH_KILLS ?? 4);
/** Most kills fall into the catching up after the one before. */
const LONGEST_LIFE_MS = 900;
/** A start takes about this long. */
const LONGEST_START_MS = 700;
const PER_KILL_MS = 10_000;

/** Killed while it starts, at a random moment; it may be ready by then. */
async function killWhileStarting(load: Load): Promise<void> {
  const seconds = (Math.random() * LONGEST_START_MS) / 1000;
  const started = load.folder.start({ prefix: `(sleep ${seconds.toFixed(3)}; kill -9 $$) &` });
  const gateway = await started.catch(() => undefined);
  await gateway?.exited;
}

export function randomKills(database: TestDatabase): void {
  describe(`${KILLS} kills under load on ${database.name}`, () => {
    let load: Load;
    let turns: LoggedTurn[];
    const killedAt: number[] = [];

    beforeAll(
      async () => {
        load = await startLoad({ talks: { web: 2, telegram: 2, discord: 2, slack: 2 }, database });
        const talking = load.begin();
        for (let i = 0; i < KILLS; i++) {
          // Now and then it gets down to quiet work, however slow the machine.
          if (i % 4 === 3) await load.progress();
          await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MS));
          await load.gateway.kill();
          killedAt.push(Date.now());
          if (i % 5 === 4) {
            await killWhileStarting(load);
            killedAt.push(Date.now());
          }
          await load.restart();
        }
        await talking.finish();
        // What is left of drafts goes before it ends.
        expect(await load.gateway.stop()).toBe(0);
        turns = await load.turns();
      },
      SETTLED_WITHIN_MS + 60_000 + KILLS * PER_KILL_MS,
    );
    afterAll(() => load.close());

    it('P1, P2, F1, F2: every message that was taken has exactly one turn, and that turn ended', () => {
      const said = load.talks.flatMap((talk) =>
        talk.sent.map(({ messageId }) => `${talk.conversation} ${messageId}`),
      );
      expect(said.length).toBeGreaterThan(KILLS);
      for (const talk of load.talks) expect(talk.sent.length).toBeGreaterThan(0);
      expect(turns.map((turn) => `${turn.conversation} ${turn.messageId}`).toSorted()).toEqual(
        said.toSorted(),
      );
      expect(turns.filter((turn) => turn.status !== 'done')).toEqual([]);
      expect(turns.flatMap((turn) => turn.events.filter((one) => one.type === 'turn.finished'))).toHaveLength(
        said.length,
      );
    });

    it('P3: each conversation was worked on in its order, one message at a time', () => {
      expect(outOfOrder(turns)).toEqual([]);
      for (const talk of load.talks)
        expect(
          turns.filter((turn) => turn.conversation === talk.conversation).map((turn) => turn.messageId),
          talk.channel,
        ).toEqual(talk.sent.map((one) => one.messageId));
    });

    it('P4, P6, F4, F5: nothing that may happen only once happened twice, and what is said to have happened has', () => {
      expect(repeatedSteps(turns)).toEqual([]);
      const effects = load.effects();
      expect(effects.toSorted()).toEqual([...new Set(effects)].toSorted());
      const finished = turns.filter((turn) =>
        turn.events.some((event) => event.type === 'tool.finished' && 'ok' in event && event.ok === true),
      );
      expect(effects.length).toBeGreaterThanOrEqual(finished.length);
      expect(finished.length).toBeGreaterThan(0);
    });

    it.each(['web', 'discord'])('P5, F8: on %s each answer is there once', (channel) => {
      for (const talk of load.talks.filter((one) => one.channel === channel)) {
        const texts = talk.readable();
        for (const { key } of talk.sent)
          expect(
            texts.filter((text) => text.includes(answerTo(key))),
            key,
          ).toHaveLength(1);
      }
    });

    it('P5, F8: on Telegram a second copy says that it may be one', () => {
      for (const talk of load.talks.filter((one) => one.channel === 'telegram')) {
        const unmarked = talk.readable().filter((text) => !text.includes(REPEAT_MARK));
        for (const { key } of talk.sent)
          expect(unmarked.filter((text) => text.includes(answerTo(key))).length, key).toBeLessThanOrEqual(1);
      }
    });

    it('P5, F8: on Slack a second copy carries the mark of the first', () => {
      for (const talk of load.talks.filter((one) => one.channel === 'slack')) {
        const extra = talk.sent.map(
          ({ key }) => talk.readable().filter((text) => text.includes(answerTo(key))).length - 1,
        );
        expect(extra.reduce((sum, more) => sum + more, 0)).toBeLessThanOrEqual(talk.repeatedAt().length);
      }
    });

    it.each(['telegram', 'slack'])(
      'P5, F8: on %s a crash makes one repeat a conversation at most',
      (channel) => {
        for (const talk of load.talks.filter((one) => one.channel === channel)) {
          const lives = talk.repeatedAt().map((at) => killedAt.filter((killed) => killed < at).length);
          expect(lives).toEqual([...new Set(lives)]);
        }
      },
    );

    it('P9: the log of all of it is whole', async () => {
      expect(await load.folder.look('audit', 'verify')).toMatchObject({ code: 0 });
    });

    it('says how much that was', () => {
      const repeats = load.talks.map((talk) => [talk.channel, talk.repeatedAt().length] as const);
      const counts = [...Map.groupBy(repeats, ([channel]) => channel)].map(
        ([channel, all]) => `${all.reduce((sum, [, count]) => sum + count, 0)} on ${channel}`,
      );
      const unknown = turns.filter((turn) => turn.events.some((event) => event.type === 'tool.interrupted'));
      process.stdout.write(
        `${killedAt.length} kills, ${turns.length} turns, ${load.effects().length} effects, ${unknown.length} unknown outcomes, repeats: ${counts.join(', ')}\n`,
      );
      expect(killedAt.length).toBeGreaterThanOrEqual(KILLS);
    });
  });
}
