/**
 * Restarted in order again and again while people talk, as an upgrade does it (P12, F43).
 * `RESTARTS=100` makes it as long as patience allows.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoggedTurn, outOfOrder, repeatedSteps } from './ledger.ts';
import { answerTo, type Load, startLoad } from './load.ts';

const RESTARTS = Number(process.env.RESTARTS ?? 5);
const LONGEST_LIFE_MS = 1_500;
const PER_RESTART_MS = 10_000;

describe(`${RESTARTS} restarts under load`, () => {
  let load: Load;
  let turns: LoggedTurn[];
  const codes: (number | null)[] = [];

  beforeAll(
    async () => {
      load = await startLoad({ talks: { web: 2, telegram: 2, discord: 2, slack: 2 } });
      const talking = load.begin();
      for (let i = 0; i < RESTARTS; i++) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MS));
        codes.push(await load.gateway.stop());
        await load.restart();
      }
      await talking.finish();
      // What is left of drafts goes before it ends.
      codes.push(await load.gateway.stop());
      turns = await load.turns();
    },
    60_000 + RESTARTS * PER_RESTART_MS,
  );
  afterAll(() => load.close());

  it('P12, F43: each ends with 0, and what was said is answered once, in order, with nothing done twice', () => {
    expect(codes).toEqual(codes.map(() => 0));
    const said = load.talks.flatMap((talk) =>
      talk.sent.map((one) => `${talk.conversation} ${one.messageId}`),
    );
    expect(said.length).toBeGreaterThan(RESTARTS);
    expect(turns.map((turn) => `${turn.conversation} ${turn.messageId}`).toSorted()).toEqual(said.toSorted());
    expect(turns.filter((turn) => turn.status !== 'done')).toEqual([]);
    expect(outOfOrder(turns)).toEqual([]);
    expect(repeatedSteps(turns)).toEqual([]);
    const effects = load.effects();
    expect(effects.toSorted()).toEqual([...new Set(effects)].toSorted());
  });

  it('P12, P5: no answer is there twice', () => {
    for (const { channel, sent, ...talk } of load.talks) {
      const texts = talk.readable();
      for (const { key } of sent)
        expect(
          texts.filter((text) => text.includes(answerTo(key))),
          `${channel}: ${key}`,
        ).toHaveLength(1);
      expect(talk.repeatedAt()).toEqual([]);
    }
  });
});
