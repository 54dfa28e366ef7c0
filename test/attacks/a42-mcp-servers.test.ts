/** A25, A40, A42, F27, F28: what an MCP server can reach and break: its own calls, and nothing else. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import type { Clock } from '../../src/domain/runtime.ts';
import { systemClock } from '../../src/domain/runtime.ts';
import { scene, tool } from './mcp-scene.ts';

const tools = [tool('say', 'Says a text.')];
const sandbox = await openSandbox({ mode: 'auto', hide: [] });

/** What there is to say about the processes that carry this mark in an argument. */
const alive = (mark: string, say = (_pid: string, line: string) => line): string[] =>
  readdirSync('/proc').flatMap((pid) => {
    try {
      const line = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '';
      return line.includes(mark) ? [say(pid, line)] : [];
    } catch {
      // Gone meanwhile.
      return [];
    }
  });

/** Real time, until a test says that more of it has passed. */
function movableClock(): Clock & { skip(ms: number): void } {
  let ahead = 0;
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + ahead,
    skip(ms) {
      ahead += ms;
    },
  };
}

describe(`a local server (sandbox: ${sandbox.describe(false)})`, () => {
  it('A40 E26 sees the environment of its entry, and nothing of the gateway', async () => {
    process.env.PARLEY_CANARY = 'canary';
    onTestFinished(() => void delete process.env.PARLEY_CANARY);
    const s = await scene({ tools, onCall: 'environment' }, { env: { JIRA_URL: 'https://jira.example' } });
    const seen: Record<string, string> = JSON.parse((await s.call('fake.say')).output);
    expect(seen.JIRA_URL).toBe('https://jira.example');
    expect(
      Object.keys(seen)
        .filter((name) => !/^(PWD|SHLVL|_|OLDPWD)$/.test(name))
        .sort(),
    ).toEqual(['HOME', 'JIRA_URL', 'LANG', 'PATH']);
  });

  it('A25 does not start at all without a sandbox where one is required', async () => {
    const none = await openSandbox({ mode: 'require', hide: [] }, async () => 'bubblewrap is not installed');
    const s = await scene({ tools }, { sandbox: none });
    expect(s.logged.join('\n')).toContain('A sandbox is required');
    await expect(s.server.open()).rejects.toThrow();
    expect(s.tools.list()).toEqual([]);
    expect(alive(s.workspace)).toEqual([]);
  });

  it('A25 runs in namespaces of its own, where there is a sandbox', async () => {
    const s = await scene({ tools });
    expect((await s.call('fake.say')).ok).toBe(true);
    const namespaces = (kind: string) => alive(s.workspace, (pid) => readlinkSync(`/proc/${pid}/ns/${kind}`));
    for (const kind of ['pid', 'net', 'mnt']) {
      const here = readlinkSync(`/proc/self/ns/${kind}`);
      expect(namespaces(kind).some((one) => one !== here)).toBe(sandbox.active);
    }
  });

  it('A25 A40 reads neither hidden files nor homes, and reaches no network', async () => {
    const s = await scene({ tools });
    const secret = join(s.outside, 'secret');
    writeFileSync(secret, 'canary');
    const hiding = await openSandbox({ mode: 'auto', hide: [secret] });
    const script = `cat ${secret}; ls -A /root /home; cat /proc/net/dev | tail -n +3 | cut -d: -f1`;
    const { argv, descriptors } = await hiding.wrap(['/bin/sh', '-c', script], {
      workspace: s.workspace,
      network: false,
      cwd: s.workspace,
      shown: [{ path: s.outside, writable: true }],
    });
    const { launch } = await import('../../src/agent/tools/launch.ts');
    const child = launch({ argv, descriptors }, '/', { PATH: process.env.PATH ?? '' }, 'ignore');
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    await new Promise((done) => child.once('close', done));
    expect(output.includes('canary')).toBe(!hiding.active);
    if (hiding.active) expect(output).toBe('/home:\n\n/root:\n    lo\n');
  });

  it('F27 its whole process group ends with it', async () => {
    const s = await scene({ tools, onCall: 'spawn' });
    expect((await s.call('fake.say')).ok).toBe(true);
    expect(alive(s.workspace).length).toBeGreaterThan(0);
    await s.hub.close();
    await vi.waitFor(() => expect(alive(s.workspace)).toEqual([]), { timeout: 5_000 });
  });

  it('F28 a crash is a failed call; then it is started again, after a pause', async () => {
    const clock = movableClock();
    const s = await scene({ tools, onCall: 'crash' }, { clock });
    expect(await s.call('fake.say')).toMatchObject({
      ok: false,
      metadata: { errorCode: 'tool.unreachable' },
    });
    expect((await s.call('fake.say')).output).toContain('tried again in');
    s.behave({ tools });
    clock.skip(60_000);
    expect((await s.call('fake.say', { text: 'back' })).output).toBe('{"text":"back"}');
  });

  it('F28 pauses grow while it keeps crashing, and it comes back by itself', async () => {
    const s = await scene({ tools, onCall: 'crash' });
    await s.call('fake.say');
    s.behave({ tools });
    await vi.waitFor(
      () => expect(s.logged.filter((line) => line.startsWith('MCP server is up'))).toHaveLength(2),
      {
        timeout: 20_000,
      },
    );
    expect(s.logged.join('\n')).toContain('"pauseMs":1000');
    s.behave({ tools, onCall: 'crash' });
    await s.call('fake.say');
    await vi.waitFor(() => expect(s.logged.join('\n')).toContain('"pauseMs":2000'), { timeout: 5_000 });
  });

  it('F27 a hang is ended by the caller, and a dead server replaced', async () => {
    const clock = movableClock();
    const s = await scene({ tools, onCall: 'hang' }, { clock });
    const stop = new AbortController();
    const hanging = s.call('fake.say', {}, stop.signal);
    stop.abort();
    expect(await hanging).toMatchObject({ ok: false, metadata: { errorCode: 'tool.cancelled' } });
    await vi.waitFor(() => expect(s.logged.join('\n')).toContain('the server ended'), { timeout: 15_000 });
    s.behave({ tools });
    clock.skip(60_000);
    expect((await s.call('fake.say')).ok).toBe(true);
  }, 40_000);

  it('F29 a message without end ends the server, not the memory', async () => {
    const s = await scene({ tools, onCall: 'flood' });
    const before = process.memoryUsage().rss;
    expect((await s.call('fake.say')).ok).toBe(false);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  it('A42 it may not call the model: sampling is refused', async () => {
    const s = await scene({ tools, onCall: 'sample' });
    const { output } = await s.call('fake.say');
    expect(output).toContain('answer to sampling');
    expect(output).toContain('Method not found');
  });

  it('a server that cannot be started, or says nothing sensible, is a fact in the log', async () => {
    for (const command of ['/nowhere/server', '/bin/true', '/bin/cat']) {
      const s = await scene(
        { tools },
        { server: { command, args: [], env: {}, network: false }, clock: systemClock },
      );
      expect(s.tools.list()).toEqual([]);
      expect(s.logged.join('\n')).toMatch(/could not be reached|is down/);
    }
  }, 60_000);
});

describe('a remote server', () => {
  const headers = { authorization: 'Bearer canary-token' };

  async function remote(answer: (url: string) => { status: number; headers?: Record<string, string> }) {
    const requests: { path: string; authorization: string | undefined; host: string | undefined }[] = [];
    const web = createServer((request, response) => {
      const path = request.url ?? '';
      requests.push({ path, authorization: request.headers.authorization, host: request.headers.host });
      const { status, headers: own = {} } = answer(path);
      response.writeHead(status, own).end('{}');
    });
    await new Promise<void>((done) => web.listen(0, '127.0.0.1', done));
    onTestFinished(() => void web.close());
    return { url: `http://127.0.0.1:${(web.address() as AddressInfo).port}`, requests };
  }

  it.each([301, 302, 307, 308])('A42 A27 a %i sends its token nowhere else', async (status) => {
    const thief = await remote(() => ({ status: 200 }));
    const honest = await remote(() => ({ status, headers: { location: `${thief.url}/mcp` } }));
    const s = await scene({ tools }, { server: { url: `${honest.url}/mcp`, headers } });
    expect(s.tools.list()).toEqual([]);
    expect(honest.requests[0]?.authorization).toBe('Bearer canary-token');
    expect(thief.requests).toEqual([]);
    expect(s.logged.join('\n')).toContain('redirects');
  });

  it('A42 a demand to sign in elsewhere is not followed', async () => {
    const thief = await remote(() => ({ status: 200 }));
    const honest = await remote(() => ({
      status: 401,
      headers: { 'www-authenticate': `Bearer resource_metadata="${thief.url}/.well-known/oauth"` },
    }));
    const s = await scene({ tools }, { server: { url: `${honest.url}/mcp`, headers } });
    expect(s.tools.list()).toEqual([]);
    expect(thief.requests).toEqual([]);
    expect(honest.requests.map(({ path }) => path)).toEqual(['/mcp']);
  });

  it('A42 HTML, an empty answer and a closed port are facts in the log', async () => {
    const page = await remote(() => ({ status: 200, headers: { 'content-type': 'text/html' } }));
    for (const url of [`${page.url}/mcp`, 'http://127.0.0.1:9/mcp']) {
      const s = await scene({ tools }, { server: { url, headers } });
      expect(s.logged.join('\n')).toContain('could not be reached');
      expect(s.logged.join('\n')).not.toContain('canary-token');
    }
  });

  it('F28 one that was restarted and knows no session any more is spoken to anew', async () => {
    let session = 'first';
    const calls: string[] = [];
    const web = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString() || '{}');
      const known = request.headers['mcp-session-id'];
      if (request.method !== 'POST') return response.writeHead(405).end();
      if (method !== 'initialize' && known !== session) return response.writeHead(404).end();
      if (id === undefined) return response.writeHead(202).end();
      calls.push(`${method} ${session}`);
      const results: Record<string, object> = {
        initialize: {
          protocolVersion: '2025-06-18',
          capabilities: { tools: {} },
          serverInfo: { name: 'x', version: '1' },
        },
        'tools/list': { tools },
        'tools/call': { content: [{ type: 'text', text: session }] },
      };
      response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': session });
      return response.end(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? {} }));
    });
    await new Promise<void>((done) => web.listen(0, '127.0.0.1', done));
    onTestFinished(() => void web.close());
    const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/mcp`;
    const s = await scene({ tools }, { server: { url, headers } });
    expect((await s.call('fake.say')).output).toBe('first');
    session = 'second';
    expect((await s.call('fake.say')).ok).toBe(false);
    expect((await s.call('fake.say')).output).toBe('second');
    expect(calls.filter((call) => call.startsWith('tools/call'))).toEqual([
      'tools/call first',
      'tools/call second',
    ]);
  });
});
