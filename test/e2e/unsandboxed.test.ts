/** A7, F27 on a machine without bubblewrap: what runs is the checked copy, and it ends with the gateway. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from './support/gateway.ts';
import {
  ask,
  freshPlace,
  ONCE,
  processesWith,
  type Scenario,
  scripts,
  sh,
  startScenario,
  toolResults,
} from './support/scenario.ts';

describe('without a sandbox', () => {
  let s: Scenario;
  let plan: ReturnType<typeof scripts>;

  beforeAll(async () => {
    s = await startScenario({ yaml: 'tools: { shell: { sandbox: off } }' });
  });
  afterAll(() => s.close());
  beforeEach(() => {
    s.model.reset();
    plan = scripts(s);
  });

  it('A7: a script from outside the workspace runs as a copy, and the card says so', async () => {
    const path = join(s.folder.path, 'tool.sh');
    writeFileSync(path, 'echo honest from "$0"\n');
    plan('run it', sh(`sh ${path}`));
    const place = await freshPlace(s);
    const { id } = await s.owner.post(place, 'run it');
    const card = await s.owner.card(place);
    expect(card.card?.facts).toContain('sandbox: none (turned off)');
    expect(card.card?.why.join()).toContain(`a checked copy of ${path} runs`);
    await s.owner.press(place, card, ONCE);
    const [result] = await until('the result', async () => {
      const found = toolResults(await s.eventsOf(id));
      return found.length > 0 && found;
    });
    expect(result?.output).toMatch(/^honest from \/.*\/tool\.sh$/m);
    expect(result?.output).not.toContain(path);
  });

  it('A7: one that was changed while the card waited does not run', async () => {
    const path = join(s.folder.path, 'tool.sh');
    writeFileSync(path, 'echo honest\n');
    plan('feed it', sh(`sh < ${path}`));
    const place = await freshPlace(s);
    const { id } = await s.owner.post(place, 'feed it');
    const card = await s.owner.card(place);
    writeFileSync(path, 'echo evil\n');
    await s.owner.press(place, card, ONCE);
    await until('the answer', () =>
      s.owner.posts().some((post) => post.conversation === place.conversation && post.kind === 'answer'),
    );
    const [result] = toolResults(await s.eventsOf(id));
    expect(result?.ok).toBe(false);
    expect(result?.output).toContain('has changed since it was approved');
  });

  it('A7: what cannot be told to take the copy is refused without a question', async () => {
    writeFileSync(join(s.folder.path, 'tool.sh'), 'echo honest\n');
    plan('evaluate', sh(`eval sh ../../tool.sh ''`));
    const { events } = await ask(s, await freshPlace(s), 'evaluate');
    expect(events.some((event) => event.type === 'approval.requested')).toBe(false);
    expect(toolResults(events)[0]?.output).toMatch(/name the script as a word .* Nobody can approve this/);
  });

  it('F27, F5: a command ends with a gateway that is killed', async () => {
    const seconds = `600.${process.pid}3`;
    plan('sleep', sh(`trap '' TERM HUP; sleep ${seconds} & sleep ${seconds}`));
    const place = await freshPlace(s);
    await s.owner.post(place, 'sleep');
    await s.owner.press(place, await s.owner.card(place), ONCE);
    await until('both to run', () => processesWith(`sleep\0${seconds}`).length === 2);
    await s.gateway.kill();
    await until('both to have ended', () => processesWith(seconds).length === 0);
    await s.restart();
  });
});
