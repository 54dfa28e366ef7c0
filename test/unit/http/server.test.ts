import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { HttpServer } from '../../../src/http/server.ts';
import { createTestServer } from '../../fakes/web-gateway.ts';

const open: HttpServer[] = [];
function server(port = 0): HttpServer {
  const created = createTestServer(port);
  open.push(created);
  return created;
}
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

describe('HTTP server', () => {
  it('says it is alive and ready, with security headers on everything', async () => {
    const { url } = await server().listen();
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n');
    const ready = await fetch(`${url}/readyz`);
    expect(await ready.json()).toEqual({ ready: true, channels: {} });
    const missing = await fetch(`${url}/nothing`);
    expect(missing.status).toBe(404);
    expect(missing.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(missing.headers.get('x-content-type-options')).toBe('nosniff');
    expect(missing.headers.get('cache-control')).toBe('no-store');
  });

  it('A46: refuses a foreign Host and a foreign Origin on the wire', async () => {
    const { url } = await server().listen();
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${url}/healthz`, { headers: { host: 'evil.example' } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.on('error', reject).end();
    });
    expect(status).toBe(403);
    const foreign = await fetch(`${url}/healthz`, { headers: { origin: 'https://evil.example' } });
    expect(foreign.status).toBe(403);
  });

  it('F45, A4: refuses a body over the cap in words the sender gets to read', async () => {
    const created = server();
    created.host.route('POST', '/take', async () => ({ status: 200 }), { maxBodyBytes: 1000 });
    const { url } = await created.listen();
    const answer = await fetch(`${url}/take`, { method: 'POST', body: Buffer.alloc(10 * 1024 * 1024) });
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ error: { code: 'message.too_large' } });
  });

  it('F45: counts a body of unknown length while it is read', async () => {
    const created = server();
    created.host.route('POST', '/take', async () => ({ status: 200 }), { maxBodyBytes: 1000 });
    const { url } = await created.listen();
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${url}/take`, { method: 'POST' }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.on('error', reject);
      for (let i = 0; i < 10; i++) sent.write(Buffer.alloc(500));
      sent.end();
    });
    expect(status).toBe(413);
  });

  it('F43: ends open streams when it closes, so that they do not hold the shutdown', async () => {
    const created = server();
    created.host.route('GET', '/stream', async ({ signal }) => ({
      status: 200,
      body: (async function* () {
        yield 'first\n';
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      })(),
    }));
    const { url } = await created.listen();
    const answer = await fetch(`${url}/stream`);
    const closing = created.close();
    expect(await answer.text()).toBe('first\n');
    await closing;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  it('says which port is taken and what to do about it', async () => {
    const { url } = await server().listen();
    const port = Number(new URL(url).port);
    const error = await server(port)
      .listen()
      .catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({
      code: 'server.port_taken',
      message: expect.stringContaining(`Port ${port}`),
    });
    expect(String(error)).toContain('server.port');
  });

  it('hides what went wrong inside, and gives a reference instead', async () => {
    const created = server();
    created.host.route('GET', '/broken', async () => {
      throw new Error('secret detail');
    });
    const { url } = await created.listen();
    const answer = await fetch(`${url}/broken`);
    expect(answer.status).toBe(500);
    const text = await answer.text();
    expect(text).not.toContain('secret');
    expect(text).toMatch(/ref [0-9a-z]{8}/);
  });
});
