/**
 * A flood in one conversation leaves its neighbours as quick as they were (P3, P13, F44). The p95 is counted in turns of
 * the flood that are served before a neighbour's, not in time: how long a turn takes is up to the machine.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from './support/gateway.ts';
import { type Scenario, startScenario } from './support/scenario.ts';
import type { Place } from './support/web-client.ts';

const ASKED = 60;
/** Messages that wait in the flooded conversation, at any time. */
const FLOOD = 400;
/** The flood is served as well: some turns of it fall between the saying of a message and its beginning. */
const AHEAD = FLOOD / 20;
/** What the neighbours may notice of the machine being one. */
const SLOWER = 5;

let s: Scenario;
let flooded: Place;
const neighbours: Place[] = [];
let isFlooding = false;
let served = 0;
/** By question: turns of the flood that had been served when the model was asked. */
const servedBefore = new Map<string, number>();

beforeAll(async () => {
  s = await startScenario({ limits: 'queue_per_session: 1000' });
  flooded = await s.owner.createConversation('Flood', false);
  for (let i = 0; i < 3; i++) neighbours.push(await s.owner.createConversation(`Neighbour ${i}`, false));
  s.model.script(({ question }) => {
    servedBefore.set(question, served);
    if (question.startsWith('flood')) {
      served += 1;
      // It goes on for as long as is measured.
      if (isFlooding) s.owner.post(flooded, 'flood on').catch(() => {});
    }
    return { text: `re ${question}` };
  });
});
afterAll(() => s.close());

const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * q) - 1] ?? 0;

/** Of one question after the other: the time each took, in ms, and the turns of the flood served before it. */
async function ask(what: string): Promise<{ times: number[]; ahead: number[] }> {
  const times: number[] = [];
  const ahead: number[] = [];
  for (let i = 0; i < ASKED; i++) {
    const neighbour = neighbours[i % neighbours.length];
    if (neighbour === undefined) throw new Error('there are no neighbours');
    const from = performance.now();
    const before = served;
    await s.owner.answerTo(neighbour, `${what} ${i}`);
    times.push(performance.now() - from);
    ahead.push((servedBefore.get(`${what} ${i}`) ?? Number.POSITIVE_INFINITY) - before);
  }
  return { times, ahead };
}

it('P3, P13, F44: while one conversation has hundreds of messages waiting, others are served as before', async () => {
  await ask('warm');
  const quiet = await ask('quiet');
  expect(quantile(quiet.ahead, 0.95)).toBe(0);
  isFlooding = true;
  for (let from = 0; from < FLOOD; from += 50)
    await Promise.all(Array.from({ length: 50 }, (_, i) => s.owner.post(flooded, `flood ${from + i}`)));
  await until('the flood to be served', () => served > 0);
  const during = await ask('during');
  isFlooding = false;
  process.stdout.write(
    `p95: ${quantile(during.ahead, 0.95)} turns of the flood ahead; ${quantile(quiet.times, 0.95).toFixed(0)} → ${quantile(during.times, 0.95).toFixed(0)} ms\n`,
  );
  expect(quantile(during.ahead, 0.95)).toBeLessThan(AHEAD);
  expect(quantile(during.times, 0.5) / quantile(quiet.times, 0.5)).toBeLessThan(SLOWER);
}, 120_000);
