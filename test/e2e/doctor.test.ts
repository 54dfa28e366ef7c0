/** `parley doctor` on a folder where things are wrong: it names each, with the remedy, and mends what it may (A52). */
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, type GatewayFolder } from './support/gateway.ts';
import { configText, OWNER_TOKEN } from './support/scenario.ts';

type Finding = { check: string; ok: boolean; detail: string };

describe('doctor', () => {
  let folder: GatewayFolder;
  let ahead = 0;
  let modelUrl: string;
  const server = createServer((_request, response) => {
    response.sendDate = false;
    response.setHeader('date', new Date(Date.now() - ahead).toUTCString());
    response.end();
  });

  const run = async (...flags: string[]) => {
    const { stdout, code } = await folder.cli('doctor', '--config', 'parley.yaml', '--json', ...flags);
    const findings: Finding[] = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
    return { code, of: (check: string) => findings.filter((finding) => finding.check === check) };
  };

  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    folder = createFolder();
    const { port } = server.address() as AddressInfo;
    modelUrl = `http://127.0.0.1:${port}/v1`;
    folder.writeConfig(configText(modelUrl));
    mkdirSync(join(folder.path, 'data'));
    const gateway = await folder.start();
    await gateway.stop();
  });
  afterAll(() => {
    server.close();
    folder.remove();
  });

  it('is content with what a start leaves behind: private files, write-ahead log, a clock that agrees', async () => {
    const { code, of } = await run();
    expect(of('journal')).toEqual([{ check: 'journal', ok: true, detail: 'write-ahead log' }]);
    expect(of('clock')[0]).toMatchObject({ ok: true, detail: expect.stringContaining('within') });
    expect(of('file modes').every(({ ok }) => ok)).toBe(true);
    expect(of('sandbox')).toHaveLength(1);
    expect(of('workspace')[0]?.ok).toBe(true);
    expect(code === 0).toBe(of('sandbox')[0]?.ok === true);
  });

  it('A52 finds a database, a copy beside it and an .env that others can read, and closes them with --fix', async () => {
    const database = join(folder.path, 'data/parley.db');
    const copy = `${database}.before-restore`;
    const env = join(folder.path, '.env');
    writeFileSync(copy, 'x');
    writeFileSync(env, `PARLEY_TOKEN=${OWNER_TOKEN}\n`);
    for (const file of [database, copy, env]) chmodSync(file, 0o644);
    const before = await run();
    expect(before.code).toBe(1);
    const open = before.of('file modes').filter(({ ok }) => !ok);
    for (const file of ['data/parley.db ', 'before-restore ', '.env '])
      expect(open.some(({ detail }) => detail.includes(file))).toBe(true);
    const fixed = await run('--fix');
    expect(fixed.of('file modes').every(({ ok }) => ok)).toBe(true);
    for (const file of [database, copy, env]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('names each skill that cannot be read, and why', async () => {
    const skill = (name: string, text: string) => {
      mkdirSync(join(folder.path, 'config/skills', name), { recursive: true });
      writeFileSync(join(folder.path, 'config/skills', name, 'SKILL.md'), text);
    };
    skill('fine', '\ufeff---\nname: fine\ndescription: Good.\n---\nDo it.');
    skill('no-yaml', 'Do it.');
    skill('other-name', '---\nname: another\ndescription: Good.\n---\nDo it.');
    mkdirSync(join(folder.path, 'config/skills/empty'));
    const { code, of } = await run();
    expect(code).toBe(1);
    const details = of('skills').map(({ ok, detail }) => `${ok} ${detail}`);
    expect(details.at(-1)).toMatch(/^true code-review, .*fine/);
    expect(details[0]).toMatch(/^false .*skills\/empty: .*no SKILL.md/);
    expect(details[1]).toMatch(/^false .*skills\/no-yaml: .*front matter/);
    expect(details[2]).toMatch(/^false .*skills\/other-name: .*have to be the same/);
    rmSync(join(folder.path, 'config'), { recursive: true });
  });

  it('says what compares vectors, where an embedding model is set', async () => {
    expect((await run()).of('database')[0]?.detail).toBe('sqlite:data/parley.db');
    folder.writeConfig(configText(modelUrl, { model: '  roles: { embedding: { model: e } }' }));
    const [finding] = (await run()).of('database');
    folder.writeConfig(configText(modelUrl));
    expect(finding?.detail).toBe('sqlite:data/parley.db; vectors are compared by sqlite-vec');
  });

  it('F33 finds a clock that is minutes off', async () => {
    ahead = 600_000;
    const [finding] = (await run()).of('clock');
    ahead = 0;
    expect(finding).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^(599|600|601) s away from 127\.0\.0\.1/),
    });
  });

  it('F11 finds a database that somebody took out of write-ahead mode', async () => {
    const database = new Database(join(folder.path, 'data/parley.db'));
    database.pragma('journal_mode = DELETE');
    database.close();
    expect((await run()).of('journal')[0]).toMatchObject({ ok: false });
  });

  it('says which MCP server cannot be used, and why', async () => {
    const { port } = server.address() as AddressInfo;
    folder.writeConfig(
      configText(`http://127.0.0.1:${port}/v1`, {
        yaml: `tools: { mcp: { servers: { gone: { command: /nowhere/server }, web: { url: "http://127.0.0.1:${port}/mcp" } } } }`,
      }),
    );
    const { code, of } = await run();
    expect(code).toBe(1);
    expect(of('mcp gone')[0]).toMatchObject({ ok: false, detail: expect.stringContaining('cannot be used') });
    expect(of('mcp web')[0]).toMatchObject({ ok: false });
  });
});
