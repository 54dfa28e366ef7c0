/** `parley explain` beside a gateway: it says what a turn would meet, grants and missing approvers included. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, until } from './support/gateway.ts';
import { ALWAYS, configText, type Scenario, scripts, sh, startScenario } from './support/scenario.ts';

const yaml = `
approvals:
  rules:
    - { tool: shell, match: { command: "mkdir open*" }, decision: allow, network: ["b.example", "a.example"] }
    - { tool: shell, match: { command: "mkdir never*" }, decision: ask, approvers: ["web:owner"], second_person: true }
`;

it('E42 says that it could not look up what is always allowed, and where there is nothing yet nothing', async ({
  onTestFinished,
}) => {
  const folder = createFolder();
  onTestFinished(() => folder.remove());
  const asked = async (storeUrl: string, ...more: string[]) => {
    folder.writeConfig(configText('http://127.0.0.1:1', { storeUrl }));
    const args = ['--tool', 'shell', '--args', '{"command":"mkdir a"}', ...more, '--json'];
    return JSON.stringify(await folder.json('explain', ...args));
  };
  const unsure = /"decision":"ask".*whether this was always allowed could not be looked up: /;
  expect(await asked('sqlite:data/parley.db')).not.toMatch(unsure);
  mkdirSync(join(folder.path, 'data'), { recursive: true });
  writeFileSync(
    join(folder.path, 'data/parley.db'),
    'no database at all, whatever its name says'.repeat(100),
  );
  expect(await asked('sqlite:data/parley.db')).toMatch(unsure);
  // It asks then, whatever was allowed.
  expect(await asked('sqlite:data/parley.db', '--after-untrusted')).not.toMatch(unsure);
  const down = await asked('postgres://parley:pass-word-1@127.0.0.1:1/parley');
  expect(down).toMatch(unsure);
  expect(down).not.toContain('pass-word-1');
});

describe('parley explain', () => {
  let s: Scenario;
  beforeAll(async () => {
    s = await startScenario({ yaml });
  });
  afterAll(() => s.close());

  const explain = async (command: string, ...options: string[]) => {
    const args = ['--tool', 'shell', '--args', JSON.stringify({ command }), ...options];
    const [answer] = await s.folder.json<Record<string, unknown>>('explain', ...args, '--json');
    return answer;
  };

  it('E42 knows what is always allowed, and that text from outside makes it ask again', async () => {
    expect(await explain('mkdir granted')).toMatchObject({ decision: 'ask', risk: 'medium' });
    scripts(s)('grant it', sh('mkdir granted'));
    const place = await s.owner.createConversation('grant it', false);
    await s.owner.post(place, 'grant it');
    await s.owner.press(place, await s.owner.card(place), ALWAYS);
    await until('the answer', () => s.owner.posts().find((post) => post.kind === 'answer'));
    expect(await explain('mkdir granted')).toMatchObject({
      decision: 'allow',
      rule: expect.stringMatching(/^always-grant/),
    });
    expect(await explain('mkdir other')).toMatchObject({ decision: 'ask' });
    expect(await explain('mkdir granted', '--after-untrusted')).toMatchObject({
      decision: 'ask',
      reasons: expect.arrayContaining([expect.stringContaining('text from outside')]),
    });
  });

  it('E47 says that nobody could approve it', async () => {
    const nobody = expect.stringMatching(/nobody is set up to give it.*access\.approvers/);
    expect(await explain('mkdir never')).toMatchObject({
      decision: 'ask',
      rule: 'approvals.rules[1]',
      reasons: expect.arrayContaining([nobody]),
    });
    expect(JSON.stringify(await explain('mkdir never', '--as', 'web:cy'))).not.toContain('nobody');
  });

  it('A25 names the hosts that rules open', async () => {
    const answer = { decision: 'allow', rule: 'approvals.rules[0]', network: ['a.example', 'b.example'] };
    expect(await explain('mkdir open')).toMatchObject(answer);
    expect(await explain('ls')).not.toHaveProperty('network');
    const { stdout } = await s.folder.look(
      'explain',
      '--tool',
      'shell',
      '--args',
      '{"command":"mkdir open"}',
    );
    expect(stdout).toContain('network: a.example, b.example');
  });
});
