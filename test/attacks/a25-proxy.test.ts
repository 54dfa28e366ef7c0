/** A25, A26, A28: a sandbox whose network is a list of hosts reaches these and nothing else. */
import { existsSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createProxies } from '../../src/agent/tools/http/proxies.ts';
import { openProxy } from '../../src/agent/tools/http/proxy.ts';
import { openSandbox } from '../../src/agent/tools/sandbox.ts';
import { createShellTool } from '../../src/agent/tools/shell/tool.ts';
import { contextFor, execute, noOwnFiles, scratch } from '../unit/agent/tools/scratch.ts';
import { serve, text } from './web-server.ts';

const toLoopback = async () => [{ address: '127.0.0.1', family: 4 }];

async function proxyFor(hosts: readonly string[], resolve = toLoopback) {
  const proxy = await openProxy(hosts, resolve);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** What comes back on a raw connection to the proxy. */
const raw = (socket: string, sent: string): Promise<string> =>
  new Promise((resolve) => {
    let got = '';
    const line = connect(socket, () => line.write(sent));
    line.on('data', (chunk) => {
      got += chunk;
      if (got.includes('established\r\n\r\n') && !got.includes('HTTP/1.1 404') && !got.includes('served'))
        return;
      line.end();
    });
    line.on('error', () => resolve(got));
    line.on('close', () => resolve(got));
  });

describe('A25 the proxy of a sandbox', () => {
  const hosts = ['good.example', '*.wide.example', '127.0.0.1'];

  it('A25 tunnels to a listed host, and forwards plain http with the host it checked', async () => {
    const web = await serve({ '/': text('served') });
    const { socket } = await proxyFor(hosts);
    const tunnelled = await raw(
      socket,
      `CONNECT good.example:${web.port} HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: good.example\r\nconnection: close\r\n\r\n`,
    );
    expect(tunnelled).toContain('served');
    const plain = await new Promise<string>((resolve, reject) => {
      const asked = request(
        {
          socketPath: socket,
          path: `http://good.example:${web.port}/`,
          headers: { host: 'evil.example', 'proxy-authorization': 'Basic x' },
        },
        (answer) => answer.on('data', (chunk) => resolve(String(chunk))),
      );
      asked.on('error', reject).end();
    });
    expect(plain).toBe('served');
    expect(web.requests[1]?.headers.host).toBe(`good.example:${web.port}`);
    expect(web.requests[1]?.headers).not.toHaveProperty('proxy-authorization');
  });

  it.each([
    'CONNECT evil.example:443',
    'CONNECT wide.example:443',
    'CONNECT good.example.evil.example:443',
    'CONNECT evil.example:443#good.example:443',
    'CONNECT good.example@evil.example:443',
    'CONNECT 169.254.169.254:80',
    'CONNECT [::1]:80',
    'CONNECT 2130706434:80',
    'CONNECT localhost:22',
    'CONNECT good.example',
    'CONNECT good.example:0',
    'CONNECT good.example:99999',
    'CONNECT :443',
    'GET http://evil.example/',
    'GET http://169.254.169.254/latest/',
    'GET https://good.example/',
    'GET file:///etc/passwd',
    'GET /',
    'GET ftp://good.example/',
  ])('A25 refuses %s', async (line) => {
    const { socket } = await proxyFor(hosts);
    const answer = await raw(socket, `${line} HTTP/1.1\r\nhost: good.example\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 40[03] /);
  });

  it.each(['10.0.0.1', '169.254.169.254', '::1', 'fd00::1', '127.0.0.2'])(
    'A27 refuses a listed name that resolves to %s',
    async (address) => {
      const { socket } = await proxyFor(hosts, async () => [
        { address, family: address.includes(':') ? 6 : 4 },
      ]);
      expect(await raw(socket, 'CONNECT good.example:443 HTTP/1.1\r\nhost: x\r\n\r\n')).toContain('403');
    },
  );

  it('A52 its socket lies in a folder of this user alone, and goes with it', async () => {
    const proxy = await openProxy(hosts);
    const folder = proxy.socket.replace(/\/[^/]+$/, '');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    proxy.close();
    expect(existsSync(folder)).toBe(false);
  });
});

const sandbox = await openSandbox({ mode: 'auto', hide: [] });

describe(`A25 a command with a list of hosts (sandbox: ${sandbox.describe(['127.0.0.1'])})`, () => {
  const run = async (command: string, network: boolean | readonly string[]) => {
    const { workspace } = scratch();
    const proxies = createProxies();
    onTestFinished(() => proxies.close());
    const own = await openSandbox({ mode: 'auto', hide: [], proxies });
    const tool = createShellTool({
      ownFiles: noOwnFiles,
      sandbox: own,
      network,
      timeoutMs: 20_000,
      maxOutputBytes: 2 ** 30,
    });
    return execute(tool, { command }, contextFor(workspace));
  };
  const get = (url: string) =>
    `/run/parley/node -e 'const u = new URL("${url}"); require("http").get({ port: 3128, path: u.href, headers: { host: u.host } }, (r) => { console.log(r.statusCode); r.pipe(process.stdout); })'`;

  it('A25 reaches what is listed through the proxy only, and keeps its exit code', async () => {
    const web = await serve({ '/': text('served') });
    expect((await run(get(`${web.origin}/`), ['127.0.0.1'])).output).toBe('200\nserved');
    expect((await run(get('http://evil.example/'), ['127.0.0.1'])).output).toContain('403');
    const direct = await run(`exec 3<>/dev/tcp/127.0.0.1/${web.port} && echo reached`, ['127.0.0.1']);
    expect(direct.output).not.toContain('reached');
    expect((await run('exit 9', ['127.0.0.1'])).metadata.exitCode).toBe(9);
    expect((await run('kill -9 $$', ['127.0.0.1'])).metadata.exitCode).toBe(137);
    expect((await run('echo $https_proxy', ['127.0.0.1'])).output).toBe('http://127.0.0.1:3128\n');
  });

  it('A25 with an empty list, or none, there is no way out', async () => {
    if (!sandbox.active) return;
    const web = await serve({ '/': text('served') });
    for (const network of [false, []]) {
      const result = await run(`exec 3<>/dev/tcp/127.0.0.1/${web.port} && echo reached; ls -A /run`, network);
      expect(result.output).not.toContain('reached');
      expect(result.output).not.toContain('parley');
    }
  });

  it('F30 opens the way out later, where it could not be opened at first', async () => {
    const proxies = createProxies();
    vi.stubEnv('TMPDIR', '/does/not/exist');
    await expect(proxies.socketFor(['a.example'])).rejects.toThrow(/ENOENT/);
    vi.unstubAllEnvs();
    expect(existsSync(await proxies.socketFor(['a.example']))).toBe(true);
    await proxies.close();
  });

  it('says on the card which hosts', () => {
    const list = ['a.example', 'b.example', 'c.example', 'd.example', 'e.example'];
    if (!sandbox.active) return expect(sandbox.describe(list)).toContain('none');
    expect(sandbox.describe(list)).toBe(
      'bubblewrap, network: a.example, b.example, c.example, d.example and 1 more',
    );
    // What a rule opens is what is asked about: none of it is only counted.
    expect(sandbox.describe(list, ['x.example'])).toMatch(/network: x\.example, a\.example, .* and 2 more$/);
    expect(sandbox.describe(['z.example'], list)).toMatch(/: a\.example, .*, e\.example and 1 more$/);
    expect(sandbox.describe(true, list)).toBe('bubblewrap, with network');
    return expect(sandbox.describe([])).toBe('bubblewrap, no network');
  });
});
