/** `parley init` as somebody at a prompt: wrong tokens are told at once, right ones end up where they belong. */
import { spawn } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFolder, ROOT } from './support/gateway.ts';

describe('parley init', () => {
  let server: Server;
  let url: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const authorization = request.headers.authorization ?? '';
      const answer = (status: number, body: unknown) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (request.url === '/api/v10/users/@me')
        return authorization === 'Bot good-discord-token'
          ? answer(200, { username: 'parley-bot' })
          : answer(401, { message: '401: Unauthorized' });
      if (request.url === '/slack/auth.test')
        return answer(
          200,
          authorization === 'Bearer xoxb-good'
            ? { ok: true, user: 'parley', team: 'Acme' }
            : { ok: false, error: 'invalid_auth' },
        );
      if (request.url === '/slack/apps.connections.open')
        return answer(200, { ok: authorization === 'Bearer xapp-good' });
      if (request.url === '/bot123:good/getMe')
        return answer(200, { ok: true, result: { username: 'parley_bot' } });
      return answer(404, { ok: false });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  function run(cwd: string, lines: readonly string[]): Promise<{ code: number | null; output: string }> {
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, [join(ROOT, 'bin/parley.js'), 'init', '--config', 'parley.yaml'], {
      cwd,
      env: { PATH, HOME },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        output += data;
      });
    }
    child.stdin.end(`${lines.join('\n')}\n`);
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
  }

  it('tests each token live, asks again for a wrong one, and writes YAML and .env', async () => {
    const folder = createFolder();
    folder.writeConfig(
      `# kept\nchannels:\n  discord: { api_url: "${url}/api" }\n  slack: { api_url: "${url}/slack/" }\n  telegram: { api_url: "${url}" }\n`,
    );
    const { code, output } = await run(folder.path, [
      'sk-key',
      'bad-token',
      'good-discord-token',
      'xoxb-good',
      'xapp-good',
      '123:good',
      'slack:U1, discord:111111111111111111',
    ]);
    expect(output).toContain('does not work: The token was refused.');
    expect(output).toContain('works: @parley-bot');
    expect(output).toContain('works: parley in Acme');
    expect(output).toContain('works: @parley_bot');
    expect(code).toBe(0);
    const yaml = readFileSync(join(folder.path, 'parley.yaml'), 'utf8');
    expect(yaml).toContain('# kept');
    expect(yaml).not.toMatch(/good/);
    expect((await folder.cli('check', '--config', 'parley.yaml')).stdout).toContain(
      'Channels: web, discord, slack, telegram',
    );
    const env = readFileSync(join(folder.path, '.env'), 'utf8');
    for (const line of [
      'OPENAI_API_KEY=sk-key',
      'DISCORD_TOKEN=good-discord-token',
      'SLACK_APP_TOKEN=xapp-good',
      'TELEGRAM_TOKEN=123:good',
      'PARLEY_TOKEN=',
    ])
      expect(env).toContain(line);
    expect(statSync(join(folder.path, '.env')).mode & 0o777).toBe(0o600);
    folder.remove();
  });

  it('skips what is left empty, and keeps what .env held', async () => {
    const folder = createFolder();
    writeFileSync(join(folder.path, '.env'), 'OTHER=kept\nPARLEY_TOKEN=kept-owner-token\n');
    const { code } = await run(folder.path, []);
    expect(code).toBe(0);
    expect(readFileSync(join(folder.path, '.env'), 'utf8')).toBe(
      'OTHER=kept\nPARLEY_TOKEN=kept-owner-token\n',
    );
    expect(readFileSync(join(folder.path, 'parley.yaml'), 'utf8')).toContain('web:owner');
    folder.remove();
  });
});
