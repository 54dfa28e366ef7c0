/** Skills are files that people edit while the gateway runs: what they say is used from the next turn on. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from './support/gateway.ts';
import { type Scenario, startScenario } from './support/scenario.ts';
import { type Place, textOf } from './support/web-client.ts';

describe('skills that are edited', () => {
  let s: Scenario;
  let home: Place;
  const write = (name: string, body: string, front = `name: ${name}\ndescription: About ${name}.`) => {
    const folder = join(s.folder.path, 'config/skills', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'SKILL.md'), `---\n${front}\n---\n${body}\n`);
  };
  beforeAll(async () => {
    s = await startScenario();
    s.model.script(() => ({ text: 'fine' }));
    write('tea-round', 'Ask for milk.');
    await s.restart();
    home = await s.owner.home();
  });
  afterAll(() => s.close());

  const promptOf = async (text: string) => {
    await s.owner.answerTo(home, text);
    return s.model.calls.at(-1)?.text ?? '';
  };
  const said = (words: RegExp) => until(`"${words.source}" in the log`, () => words.test(s.gateway.output()));

  it('an edited one is used at the next turn, without a restart and without a signal', async () => {
    expect(await promptOf('Do the tea-round')).toContain('Ask for milk.');
    write('tea-round', 'Ask for lemon.');
    write('coffee-round', 'Ask for sugar.');
    await until('the new one', async () => {
      const { html } = await s.owner.command(home, '/skills');
      return textOf(html).includes('coffee-round');
    });
    await s.owner.command(home, '/new');
    const prompt = await promptOf('Do the tea-round again');
    expect(prompt).toContain('Ask for lemon.');
    expect(prompt).not.toContain('Ask for milk.');
    expect(prompt).toContain('About coffee-round.');
  });

  it('one that cannot be read any more stays as it was, and the log says why; one that is gone is gone', async () => {
    write('tea-round', 'Ask for nothing.', 'name: [');
    await said(/stays as it was/);
    rmSync(join(s.folder.path, 'config/skills/coffee-round'), { recursive: true });
    await until('the other to be gone', async () => {
      const { html } = await s.owner.command(home, '/skills');
      return !textOf(html).includes('coffee-round');
    });
    await s.owner.command(home, '/new');
    expect(await promptOf('Do the tea-round once more')).toContain('Ask for lemon.');
  });

  it('a signal reads them again too, where a folder came only after the start', async () => {
    rmSync(join(s.folder.path, 'config'), { recursive: true });
    await s.restart();
    write('cake-round', 'Ask for plates.');
    s.gateway.signal('SIGHUP');
    await until('the new one', async () => {
      const { html } = await s.owner.command(home, '/skills');
      return textOf(html).includes('cake-round');
    });
    expect(await promptOf('Do the cake-round')).toContain('Ask for plates.');
  });
});
