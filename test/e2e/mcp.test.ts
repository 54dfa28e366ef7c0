/** MCP servers as they come from npm, through the real program: asked for, run, described, reviewed when they change. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ROOT, until } from './support/gateway.ts';
import {
  ask,
  freshPlace,
  ONCE,
  type Scenario,
  startScenario,
  toolResults,
  types,
} from './support/scenario.ts';

const packages = join(ROOT, 'node_modules/@modelcontextprotocol');
const node = process.execPath;

describe('servers from npm', () => {
  let s: Scenario;
  beforeAll(async () => {
    s = await startScenario({
      yaml: `
tools:
  mcp:
    servers:
      everything: { command: ${node}, args: [${packages}/server-everything/dist/index.js], env: { MARK: visible-mark } }
      files: { command: ${node}, args: [${packages}/server-filesystem/dist/index.js, data/workspace] }
approvals:
  rules: [{ tool: "everything.echo", decision: allow }, { tool: "everything.get-env", decision: allow }]`,
    });
    mkdirSync(join(s.folder.path, 'data/workspace'), { recursive: true });
  });
  afterAll(() => s.close());
  beforeEach(() => s.model.reset());

  const once = (name: string, args: unknown) =>
    s.model.script((_call, index) => (index === 0 ? { toolCalls: [{ name, args }] } : { text: 'done' }));

  it('offers their tools under legal names, and an allow rule by pattern runs one unasked', async () => {
    once('everything__echo', { message: 'hello there' });
    const { events } = await ask(s, await freshPlace(s), 'echo');
    const names = (s.model.calls[0]?.tools ?? []).map((tool) => tool.function.name);
    expect(names).toEqual(expect.arrayContaining(['everything__echo', 'files__read_text_file', 'shell']));
    expect(toolResults(events)[0]).toMatchObject({
      tool: 'everything.echo',
      ok: true,
      output: 'Echo: hello there',
      untrusted: true,
    });
    expect(types(events)).not.toContain('approval.requested');
  });

  it('A13 asks although the server calls its tool read-only, with all of the arguments on the card', async () => {
    const path = join(s.folder.path, 'data/workspace/a.txt');
    writeFileSync(path, 'text of the file');
    once('files__read_text_file', { path });
    const place = await freshPlace(s);
    const posted = await s.owner.post(place, 'read it');
    const card = await s.owner.card(place);
    expect(card.card?.action.text).toContain(`"path": "${path}"`);
    await s.owner.press(place, card, ONCE);
    await until('the end', async () => types(await s.eventsOf(posted.id)).includes('turn.finished'));
    expect(toolResults(await s.eventsOf(posted.id))[0]).toMatchObject({
      ok: true,
      output: 'text of the file',
    });
  });

  it('A39 A40 what it tells of its environment holds no value of ours, and no more than its entry says', async () => {
    once('everything__get-env', {});
    const { events } = await ask(s, await freshPlace(s), 'env');
    const [result] = toolResults(events);
    const seen: Record<string, string> = JSON.parse(String(result?.output));
    expect(Object.keys(seen)).toEqual(expect.arrayContaining(['HOME', 'MARK', 'PATH']));
    expect(
      Object.keys(seen).filter((name) => !/^(HOME|LANG|MARK|PATH|PWD|OLDPWD|SHLVL|_)$/.test(name)),
    ).toEqual([]);
    expect(JSON.stringify(events)).not.toContain('visible-mark');
    expect(JSON.stringify(s.model.calls)).not.toContain('visible-mark');
  });

  it('A25 writes, once agreed to, into the folder its entry names, and nowhere else', async () => {
    const call = async (path: string) => {
      s.model.reset();
      once('files__write_file', { path, content: 'written by the server' });
      const place = await freshPlace(s);
      const posted = await s.owner.post(place, 'write it');
      await s.owner.press(place, await s.owner.card(place), ONCE);
      await until('the end', async () => types(await s.eventsOf(posted.id)).includes('turn.finished'));
      return toolResults(await s.eventsOf(posted.id))[0];
    };
    const inside = join(s.folder.path, 'data/workspace/b.txt');
    expect(await call(inside)).toMatchObject({ ok: true });
    expect(readFileSync(inside, 'utf8')).toBe('written by the server');
    expect(await call(join(s.folder.path, 'parley.yaml'))).toMatchObject({ ok: false });
    expect(readFileSync(join(s.folder.path, 'parley.yaml'), 'utf8')).toContain('everything:');
  });
});

describe('a server over streamable HTTP', () => {
  it('offers its tools, answers through the same card, and gets its headers', async () => {
    const port = await freePort();
    const server = spawn(node, [`${packages}/server-everything/dist/index.js`, 'streamableHttp'], {
      env: { PATH: process.env.PATH, PORT: String(port) },
      stdio: 'ignore',
    });
    const url = `http://127.0.0.1:${port}/mcp`;
    await until('the server to listen', () =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    );
    const s = await startScenario({
      yaml: `tools: { mcp: { servers: { web: { url: "${url}", headers: { Authorization: "Bearer canary-token" } } } } }`,
    });
    try {
      s.model.script((_call, index) =>
        index === 0 ? { toolCalls: [{ name: 'web__get-sum', args: { a: 2, b: 40 } }] } : { text: 'done' },
      );
      const place = await freshPlace(s);
      const posted = await s.owner.post(place, 'add');
      const card = await s.owner.card(place);
      await s.owner.press(place, card, ONCE);
      await until('the end', async () => types(await s.eventsOf(posted.id)).includes('turn.finished'));
      expect(toolResults(await s.eventsOf(posted.id))[0]).toMatchObject({
        ok: true,
        output: 'The sum of 2 and 40 is 42.',
      });
      expect(s.gateway.output()).not.toContain('canary-token');
    } finally {
      server.kill('SIGKILL');
      await s.close();
    }
  });
});

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
