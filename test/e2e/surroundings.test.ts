/** What an operator meets first: an old Node, secrets in files, strangers, dry runs, backups, doctor and explain. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFolder, ROOT, until } from './support/gateway.ts';
import { asked, CY_TOKEN, configText, freshPlace, gate, startScenario } from './support/scenario.ts';
import { textOf } from './support/web-client.ts';

describe('the program', () => {
  it('on an older Node says one clear sentence and imports nothing', async () => {
    const pretend =
      'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.0"}})';
    const child = spawn(process.execPath, ['--import', pretend, join(ROOT, 'bin/parley.js'), 'start']);
    let output = '';
    child.stderr.on('data', (data) => {
      output += data;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(1);
    expect(output.trim().split('\n')).toHaveLength(1);
    expect(output).toContain('needs Node 22.19 or newer');
  });

  it('takes secrets from .env and from files, and shows them nowhere', async () => {
    const folder = createFolder();
    writeFileSync(join(folder.path, 'key'), 'key-from-a-file-123\n');
    writeFileSync(join(folder.path, '.env'), 'OWNER=owner-token-from-dotenv\n');
    folder.writeConfig(
      'server: { port: 0, token: ${OWNER} }\nmodels: { default: { base_url: "http://127.0.0.1:9/v1", api_key: ${KEY} } }\nlog: { level: debug }\n',
    );
    const gateway = await folder.start({ env: { KEY_FILE: 'key' } });
    expect(gateway.token).toBeNull();
    expect(
      (await fetch(`${gateway.url}/?token=owner-token-from-dotenv`, { redirect: 'manual' })).status,
    ).toBe(303);
    await gateway.stop();
    expect(gateway.output()).not.toMatch(/key-from-a-file|owner-token-from/);
    folder.remove();
  });

  it('E53, A47: strangers are refused and cost nothing', async () => {
    const s = await startScenario({
      yaml: '',
      approvers: '["web:owner"], users: ["web:owner"], unknown: refuse',
    });
    try {
      const cy = await s.as(CY_TOKEN);
      const place = await cy.home();
      expect(textOf((await cy.command(place, '/btw who are you?')).html)).toContain('people on my list');
      await cy.post(place, 'hello?');
      await until(
        'the refusal',
        () => cy.asides().filter((aside) => textOf(aside.html).includes('people on my list')).length === 2,
      );
      expect(s.model.calls).toHaveLength(0);
      expect(await s.turns()).toHaveLength(0);
    } finally {
      await s.close();
    }
  });

  it('P15: a backup taken while in use restores to the same history', async () => {
    const s = await startScenario();
    try {
      const place = await freshPlace(s);
      await s.owner.answerTo(place, 'before the backup');
      expect((await s.folder.cli('backup', 'copy.db', '--config', 'parley.yaml')).code).toBe(0);
      await s.owner.answerTo(place, 'after the backup');
      expect((await s.folder.cli('restore', 'copy.db', '--config', 'parley.yaml')).code).toBe(1);
      await s.gateway.stop();
      expect((await s.folder.cli('restore', 'copy.db', '--config', 'parley.yaml')).code).toBe(0);
      expect(await s.turns()).toHaveLength(1);
      expect((await s.folder.look('audit', 'verify')).code).toBe(0);
    } finally {
      await s.close();
    }
  });

  it('explain prints decision, risk, reasons and the deciding rule, one or many; what no option means is said', async () => {
    const folder = createFolder();
    folder.writeConfig(
      'approvals: { rules: [{ tool: shell, match: { command: "npm test" }, decision: allow }, { tool: write_file, decision: deny }] }',
    );
    const explain = async (tool: string, args: unknown) =>
      (
        await folder.json<Record<string, unknown>>(
          'explain',
          '--tool',
          tool,
          '--args',
          JSON.stringify(args),
          '--json',
        )
      )[0];
    expect(await explain('shell', { command: 'ls' })).toMatchObject({ decision: 'allow', risk: 'low' });
    expect(await explain('shell', { command: 'rm -rf /' })).toMatchObject({
      decision: 'deny',
      risk: 'blocked',
    });
    expect(await explain('shell', { command: 'npm test' })).toMatchObject({
      decision: 'allow',
      rule: expect.stringContaining('approvals.rules[0]'),
    });
    expect(await explain('write_file', { path: 'a', content: 'b' })).toMatchObject({
      decision: 'deny',
      rule: expect.stringContaining('approvals.rules[1]'),
    });
    writeFileSync(
      join(folder.path, 'batch'),
      '{"tool":"shell","args":{"command":"pwd"}}\n{"tool":"shell","args":{"command":"rm x"}}\n',
    );
    const batch = await folder.json<{ decision: string }>('explain', '--batch', 'batch');
    expect(batch.map((answer) => answer.decision)).toEqual(['allow', 'ask']);
    const refused: string[][] = [
      ['reflections', 'list', '--limit', 'ten'],
      ['turns', '--limit', '0'],
      ['usage', '--since', 'yesterday'],
      ['memory', 'add', 'x', '--scope', 'user', '--owner', 'ana'],
      ['memory', 'add', 'x', '--scope', 'conversation', '--owner', 'general'],
    ];
    for (const args of refused) {
      const { code, stderr } = await folder.cli(...args);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/--\w+ must be/) });
    }
    folder.remove();
  });

  it('E23 A18 explain finds no way around a denial by writing the same differently', async () => {
    const folder = createFolder();
    const rules = [
      '{ tool: shell, match: { command: "git push*" }, decision: deny }',
      '{ tool: shell, match: { command: "cat notes*" }, decision: deny }',
      '{ tool: "*_file", match: { path: "infra/*" }, decision: deny }',
      '{ tool: fetch_url, match: { url: "https://example.com/*" }, decision: deny }',
    ];
    folder.writeConfig(`tools: { http: { allow: ["*"] } }\napprovals: { rules: [${rules.join(', ')}] }`);
    const asked = [
      ...[
        'git push',
        'git   push -f',
        'cd a && g\\it "push"',
        '/usr/bin/git push',
        'env timeout 9 git push',
      ].map((command) => ({ tool: 'shell', args: { command } })),
      { tool: 'shell', args: { command: 'ls; cat "notes".txt' } },
      ...['./infra/x', 'infra/./x', 'infra//x', join(folder.path, 'data/workspace/infra/x')].map((path) => ({
        tool: 'read_file',
        args: { path },
      })),
      { tool: 'write_file', args: { path: './infra/x', content: '' } },
      ...['HTTPS://Example.COM/x', 'https://example.com:443/x', 'https://ex%61mple.com'].map((url) => ({
        tool: 'fetch_url',
        args: { url },
      })),
    ];
    writeFileSync(join(folder.path, 'batch'), asked.map((one) => JSON.stringify(one)).join('\n'));
    const answers = await folder.json<{ decision: string; rule: string }>('explain', '--batch', 'batch');
    expect(answers.map(({ decision, rule }) => `${decision} ${rule.split('[')[0]}`)).toEqual(
      asked.map(() => 'deny approvals.rules'),
    );
    folder.remove();
  });

  it('A5 check names what nobody can give: more approvals than people, a reminder too late, one account of two people', async () => {
    const folder = createFolder();
    folder.writeConfig(
      [
        'access:',
        '  approvers: ["web:owner", "slack:U1", "web:bo"]',
        '  people: { ana: ["web:owner", "slack:U1"], bo: ["web:bo", "slack:U1"] }',
        'approvals: { expires_after: 10m, remind_after: 10m, required: 3 }',
        'profiles: { ops: { approvals: { required: 4 } }, calm: { approvals: { required: 2, remind_after: 5m } } }',
      ].join('\n'),
    );
    const { code, stderr } = await folder.cli('check', '--config', 'parley.yaml');
    expect(code).toBe(1);
    expect(stderr.split('\n').slice(1, -1)).toEqual([
      expect.stringMatching(/parley.yaml:3:\d+: access.people.bo.1: slack:U1 is ana already/),
      expect.stringMatching(/parley.yaml:4:\d+: approvals.remind_after: never reminds/),
      expect.stringMatching(/parley.yaml:4:\d+: approvals.required: 3 have to approve and only 2 can/),
      expect.stringMatching(
        /parley.yaml:5:\d+: profiles.ops.approvals.required: 4 have to approve and only 2/,
      ),
    ]);
    folder.remove();
  });

  it('check names rules that do nothing, with their lines, and the gateway warns of them', async () => {
    const folder = createFolder();
    folder.writeConfig(
      [
        'server: { port: 0, token: owner-token-of-16-and-more }',
        'access: { approvers: ["web:owner"] }',
        'approvals:',
        '  rules:',
        '    - { tool: shel, decision: deny }',
        '    - { tool: shell, match: { command: "git push" }, decision: allow }',
        '    - { tool: shell, match: { command: "git *" }, decision: deny }',
        '    - { tool: shell, match: { command: "rm -rf /" }, decision: allow }',
        '    - { tool: fetch_url, match: { url: "file:///etc/passwd" }, decision: ask }',
        '    - { tool: shell, match: { command: "npm *" }, decision: ask, approvers: ["web:owner"] }',
        '    - { tool: shell, match: { command: "npm i" }, decision: ask, approvers: ["web:bo"] }',
      ].join('\n'),
    );
    const { code, stderr } = await folder.cli('check', '--config', 'parley.yaml');
    expect(code).toBe(1);
    expect(stderr).toMatch(/parley.yaml:5:9: approvals.rules.0.tool: no tool is called "shel"/);
    expect(stderr).toMatch(/parley.yaml:6:7: approvals.rules.1: never decides: rules\[2\] \(deny\)/);
    expect(stderr).toMatch(/parley.yaml:8:7: approvals.rules.3: never decides: shell refuses this/);
    expect(stderr).toMatch(/parley.yaml:9:7: approvals.rules.4: never decides: fetch_url refuses this/);
    expect(stderr).toMatch(/parley.yaml:11:\d+: approvals.rules.6.approvers: with rules\[5\]/);
    expect(stderr).not.toMatch(/rules.[25]: /);
    const gateway = await folder.start();
    expect(gateway.output()).toContain('no tool is called');
    await gateway.stop();
    folder.remove();
  });

  it('check calls no rule refused that one of the profiles needs', async () => {
    const folder = createFolder();
    const yaml = (path: string) =>
      [
        'access: { approvers: ["web:owner"] }',
        'agent: { workspace: one }',
        'profiles: { other: { agent: { workspace: two } } }',
        `approvals: { rules: [{ tool: read_file, match: { path: "${join(folder.path, path)}" }, decision: ask }] }`,
      ].join('\n');
    folder.writeConfig(yaml('two/plan.md'));
    expect((await folder.cli('check', '--config', 'parley.yaml')).stderr).toBe('');
    folder.writeConfig(yaml('three/plan.md'));
    expect((await folder.cli('check', '--config', 'parley.yaml')).stderr).toMatch(
      /parley.yaml:4:\d+: approvals.rules.0: never decides: read_file refuses this/,
    );
    folder.remove();
  });

  it('doctor fails when something keeps people from working, and says what', async () => {
    const folder = createFolder();
    folder.writeConfig('server: { port: 0 }');
    const { code, stderr } = await folder.cli('doctor', '--config', 'parley.yaml');
    expect(stderr).toBe('');
    // No approver is listed, which doctor says and fails for.
    expect(code).toBe(1);
    folder.remove();
  });

  it('F12: with while_busy: interrupt a new message stops the work, and the same one again stops nothing', async () => {
    const s = await startScenario({ yaml: 'sessions: { while_busy: interrupt }' });
    try {
      const door = gate();
      s.model.script((call) =>
        call.question === 'first' ? { text: 'never', hold: door.wait } : { text: 'second answer' },
      );
      const place = await freshPlace(s);
      const clientId = crypto.randomUUID();
      const first = await s.owner.post(place, 'first', clientId);
      await asked(s, 'first');
      await s.owner.post(place, 'first', clientId);
      expect((await s.turns()).map((turn) => turn.status)).toEqual(['running']);
      expect(textOf((await s.owner.answerTo(place, 'second')).html)).toBe('second answer');
      expect((await s.turns()).find((turn) => turn.messageId === first.id)?.status).toBe('cancelled');
      door.open();
    } finally {
      await s.close();
    }
  });

  it('reads instructions from a file, and says where the name of a missing one stands', async () => {
    const folder = createFolder();
    folder.writeConfig('agent:\n  instructions_file: persona.md\n');
    expect((await folder.cli('check', '--config', 'parley.yaml')).stderr).toContain(
      'parley.yaml:2:3: agent.instructions_file: there is no file persona.md',
    );
    folder.remove();
    const s = await startScenario();
    try {
      writeFileSync(join(s.folder.path, 'persona.md'), 'You are a heron.\n');
      s.folder.writeConfig(configText(s.model.url, { yaml: 'agent: { instructions_file: persona.md }' }));
      await until('the reload', () => s.gateway.output().includes('configuration reloaded'));
      await s.owner.answerTo(await freshPlace(s), 'who?');
      expect(s.model.calls[0]?.text).toContain('You are a heron.');
    } finally {
      await s.close();
    }
  });

  it('bad arguments of a command are usage errors, in one line', async () => {
    const folder = createFolder();
    for (const args of [
      ['explain'],
      ['explain', '--tool', 'shell', '--args', 'nope'],
      ['explain', '--batch', 'missing'],
      ['turns', '--limit', 'x'],
    ]) {
      const { code, stderr } = await folder.cli(...args);
      expect(code).toBe(2);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    folder.remove();
  });

  it('F43: stopped in the moment in which it says that it is ready, it ends in order', async () => {
    const folder = createFolder();
    folder.writeConfig('server: { port: 0 }');
    const gateway = await folder.start();
    expect(await gateway.stop()).toBe(0);
    expect(gateway.output()).toContain('stopped');
    folder.remove();
  });
});
