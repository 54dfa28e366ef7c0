/** A27: names that change what they resolve to, and redirects. Each hop is checked; the connection goes where the check went. */
import { describe, expect, it } from 'vitest';
import { fetcher, redirect, serve, text } from './web-server.ts';

/** Gives each answer once, then the last for ever. */
const turning = (...answers: readonly string[]) => {
  let count = 0;
  return {
    resolve: async () => {
      const address = answers[Math.min(count, answers.length - 1)] ?? '';
      count += 1;
      return [{ address, family: address.includes(':') ? 6 : 4 }];
    },
    count: () => count,
  };
};

describe('A27 names that move', () => {
  it('A27 looks a name up once, and connects to what was checked', async () => {
    const server = await serve({ '/': text('first address') });
    // Loopback is the only network here, so the roles are reversed: what is checked is listed, what follows is not.
    const dns = turning('127.0.0.1', '10.9.9.9');
    const tool = fetcher({ allow: ['127.0.0.1', 'moving.example'], resolve: dns.resolve });
    expect((await tool.run(`http://moving.example:${server.port}/`)).output).toContain('first address');
    expect(dns.count()).toBe(1);
    expect(server.requests[0]?.headers.host).toBe(`moving.example:${server.port}`);
  });

  it('A27 refuses the name as soon as it has moved inside', async () => {
    const server = await serve({ '/': text('secret') });
    const dns = turning('93.184.216.34', '127.0.0.1');
    const tool = fetcher({ allow: ['*'], resolve: dns.resolve });
    await dns.resolve();
    const result = await tool.run(`http://moving.example:${server.port}/`);
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.egress_refused' } });
    expect(server.requests).toHaveLength(0);
  });

  it('A27 looks the same host up again after a redirect, and checks again', async () => {
    const server = await serve({ '/': redirect('/next'), '/next': text('secret') });
    const dns = turning('127.0.0.1', '127.0.0.2');
    const tool = fetcher({ allow: ['127.0.0.1', 'moving.example'], resolve: dns.resolve });
    const result = await tool.run(`http://moving.example:${server.port}/`);
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.egress_refused' } });
    expect(server.requests.map((request) => request.url)).toEqual(['/']);
  });
});

describe('A27 redirects', () => {
  const listed = ['127.0.0.1', 'start.example'];
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];

  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]/',
    'http://2130706434/',
    'file:///etc/passwd',
    'gopher://start.example/',
    'http://user:secret@start.example/',
    'http://start.example:22/',
    'http://',
  ])('A27 does not follow one to %s', async (target) => {
    const server = await serve({ '/': redirect(target) });
    const result = await fetcher({ allow: listed, resolve }).run(`http://start.example:${server.port}/`);
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.egress_refused' } });
    expect(server.requests).toHaveLength(1);
  });

  it.each([301, 302, 303, 307, 308])(
    'A27 stops a %i to a host that nobody agreed to, and names it',
    async (status) => {
      const other = await serve({ '/': text('elsewhere') });
      const server = await serve({ '/': redirect(`http://other.example:${other.port}/?q=1`, status) });
      const result = await fetcher({ allow: listed, resolve }).run(`http://start.example:${server.port}/`);
      expect(result.ok).toBe(false);
      expect(result.output).toContain(`http://other.example:${other.port}/?q=1`);
      expect(other.requests).toHaveLength(0);
    },
  );

  it('A27 follows to a listed host, sends no cookies, credentials or referrer', async () => {
    const server = await serve({
      '/': (_request, response) =>
        void response
          .writeHead(302, { location: `http://second.example:${server.port}/b`, 'set-cookie': 'id=1' })
          .end(),
      '/b': text('arrived'),
    });
    const tool = fetcher({ allow: [...listed, '*.example'], resolve });
    expect((await tool.run(`http://start.example:${server.port}/`)).output).toContain('arrived');
    const headers = server.requests[1]?.headers ?? {};
    for (const name of ['cookie', 'authorization', 'proxy-authorization', 'referer', 'origin'])
      expect(headers).not.toHaveProperty(name);
  });

  it('A27 gives up on a loop', async () => {
    const server = await serve({ '/': redirect('/') });
    const result = await fetcher({ allow: listed, resolve }).run(`http://start.example:${server.port}/`);
    expect(result.output).toContain('redirects more than');
    expect(server.requests).toHaveLength(6);
  });

  it('A27 uses no proxy that the environment names', async () => {
    const server = await serve({ '/': text('direct') });
    process.env.http_proxy = 'http://127.0.0.1:9';
    process.env.HTTP_PROXY = 'http://127.0.0.1:9';
    try {
      expect((await fetcher({ allow: listed }).run(`${server.origin}/`)).output).toContain('direct');
    } finally {
      delete process.env.http_proxy;
      delete process.env.HTTP_PROXY;
    }
  });
});
