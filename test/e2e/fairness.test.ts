/** A flood in one conversation leaves its neighbours as quick as they were (P3, P13, F44). Ratios of one run, no times. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Scenario, startScenario } from './support/scenario.ts';
import type { Place } from './support/web-client.ts';

const ASKED = 15;
/** What the neighbours may notice: the machine is one, and the flood is work as well. */
const MOST = 5;

let s: Scenario;
beforeAll(async () => {
  s = await startScenario({ limits: 'queue_per_session: 1000' });
  s.model.script((call) => ({
    text: `re ${call.question}`,
    // So that it lasts for as long as is measured.
    ...(call.question.startsWith('flood ')
      ? { hold: new Promise((resolve) => setTimeout(resolve, 20)) }
      : {}),
  }));
});
afterAll(() => s.close());

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

async function latency(neighbours: readonly Place[], what: string): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < ASKED; i++) {
    const neighbour = neighbours[i % neighbours.length];
    if (neighbour === undefined) throw new Error('there are no neighbours');
    const from = performance.now();
    await s.owner.answerTo(neighbour, `${what} ${i}`);
    taken.push(performance.now() - from);
  }
  return median(taken);
}

it('P3, P13, F44: while one conversation has hundreds of messages waiting, others are answered as before', async () => {
  const neighbours: Place[] = [];
  for (let i = 0; i < 3; i++) neighbours.push(await s.owner.createConversation(`Neighbour ${i}`, false));
  const flooded = await s.owner.createConversation('Flood', false);
  await latency(neighbours, 'warm');
  const before = await latency(neighbours, 'quiet');
  for (let from = 0; from < 400; from += 50)
    await Promise.all(Array.from({ length: 50 }, (_, i) => s.owner.post(flooded, `flood ${from + i}`)));
  const during = await latency(neighbours, 'flooded');
  const answered = s.owner
    .posts()
    .filter((post) => post.conversation === flooded.conversation && post.kind === 'answer').length;
  // Else there was no flood left while it was measured.
  expect(answered).toBeLessThan(400);
  expect(during / before).toBeLessThan(MOST);
}, 60_000);
