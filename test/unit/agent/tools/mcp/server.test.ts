import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProcessTransport } from '../../../../../src/agent/tools/mcp/process-transport.ts';
import { describeServer, serverKey, startOf } from '../../../../../src/agent/tools/mcp/server.ts';
import { openSandbox } from '../../../../../src/agent/tools/sandbox.ts';
import { scratch } from '../scratch.ts';

/** A server in packages of its own, below the folder for temporary files, which is emptied inside. */
function installed() {
  const { workspace, outside: base } = scratch();
  const packages = join(base, 'node_modules');
  for (const folder of ['server', 'helper', '.bin']) mkdirSync(join(packages, folder), { recursive: true });
  writeFileSync(join(packages, 'helper/index.js'), 'module.exports = "helped";\n');
  writeFileSync(
    join(packages, 'server/index.js'),
    '#!/usr/bin/env node\nconst fs = require("fs");\nconst see = (path) => { try { return fs.readdirSync(path).join(); } catch (e) { return e.code; } };\n' +
      'const write = (path) => { try { fs.writeFileSync(path, "x"); return "written"; } catch (e) { return e.code; } };\n' +
      'console.log(JSON.stringify({ jsonrpc: "2.0", method: "seen", params: { helper: require("helper"), cwd: process.cwd(), args: process.argv.slice(2).map(see), ' +
      'base: see("."), wrote: process.argv.slice(2).map((one) => write(one + "/new")), self: write(__dirname + "/new") } }));\n',
    { mode: 0o755 },
  );
  symlinkSync('../server/index.js', join(packages, '.bin/server'));
  mkdirSync(join(base, 'docs'));
  writeFileSync(join(base, 'docs/a.md'), 'x');
  writeFileSync(join(base, 'secret.txt'), 'x');
  return { workspace, base };
}

async function sees(command: string, args: readonly string[], place = installed()) {
  const { workspace, base } = place;
  const sandbox = await openSandbox({ mode: 'auto', hide: [] });
  const start = startOf({ command, args, env: {}, network: false }, workspace, base, sandbox.active);
  const transport = createProcessTransport({
    run: await sandbox.wrap(start.argv, start.place),
    cwd: base,
    env: start.env,
  });
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  transport.onmessage = (message) => resolve(Object(Reflect.get(message, 'params')));
  transport.onclose = () => reject(new Error(transport.lastWords()));
  await transport.start();
  const seen = await promise;
  await transport.close();
  return { seen, base, active: sandbox.active };
}

describe('where a local server runs', () => {
  it.each([
    ['by name', 'server', []],
    ['by a relative path', 'node_modules/.bin/server', []],
    ['by an interpreter', process.execPath, ['node_modules/server/index.js']],
  ])('finds its program and the packages beside it: %s', async (_how, command, args) => {
    const { seen, base } = await sees(command, args);
    expect(seen).toMatchObject({ helper: 'helped', cwd: base });
  });

  it('A25 sees the folders among its arguments and may write there, and nothing else of the folder it starts in', async () => {
    const place = installed();
    const { seen, active } = await sees('server', ['./docs', join(place.base, 'docs')], place);
    expect(seen.args).toEqual(['a.md', 'a.md']);
    expect(seen.wrote).toEqual(['written', 'written']);
    if (active) expect(seen.base).toBe('docs,node_modules');
    if (active) expect(seen.self).toBe('EROFS');
  });
});

describe('what is known of a server', () => {
  const stdio = { command: '/usr/bin/server', args: ['--fast'], env: { KEY: 'canary' }, network: false };

  it('A42 agreement belongs to command, arguments or address; credentials may change', () => {
    expect(serverKey({ ...stdio, env: { KEY: 'other' } })).toBe(serverKey(stdio));
    expect(serverKey({ ...stdio, args: ['--slow'] })).not.toBe(serverKey(stdio));
    expect(serverKey({ url: 'https://a.example/mcp', headers: {} })).not.toBe(
      serverKey({ url: 'https://b.example/mcp', headers: {} }),
    );
  });

  it('A39 is described without credentials', () => {
    expect(describeServer({ ...stdio, args: ['--token', 'canary'] })).toBe('stdio: server');
    expect(
      describeServer({ ...stdio, command: 'npx', args: ['-y', '@scope/server-x', '--token=canary'] }),
    ).toBe('stdio: npx server-x');
    expect(
      describeServer({
        url: 'https://user:canary@a.example/mcp?key=canary',
        headers: { Authorization: 'canary' },
      }),
    ).toBe('https://a.example/mcp');
  });
});
