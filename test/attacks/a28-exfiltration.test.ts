/** A28: carrying data away by addresses. A host that no operator listed is asked for; what comes back is bounded text. */
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decidePolicy } from '../../src/agent/policy.ts';
import { createFetchTool } from '../../src/agent/tools/http/fetch-url.ts';
import { fetcher, redirect, serve, text } from './web-server.ts';

describe('A28 who is told what', () => {
  const assess = (
    url: string,
    allow: readonly string[] = ['docs.example', '*.wiki.example', '10.1.0.0/16'],
  ) => fetcher({ allow }).assess(url);

  it.each([
    'https://docs.example/',
    'https://DOCS.example./page?x=1',
    'https://a.wiki.example/',
    'https://b.a.wiki.example/',
    'http://10.1.2.3:8080/',
  ])('A28 a listed host is fetched unasked: %s', async (url) => {
    expect(await assess(url)).toMatchObject({ decision: 'allow', risk: 'low', sendsOut: true });
  });

  it.each([
    'https://example.com/',
    'https://evil-docs.example/',
    'https://docs.example.evil.test/',
    'https://wiki.example/',
    'https://awiki.example/',
    'https://docs.example%2eevil.test/',
    'https://dоcs.example/',
    'https://8.8.8.8/',
  ])('A28 any other asks: %s', async (url) => {
    expect((await assess(url)).decision).not.toBe('allow');
  });

  it('A28 asks for the exact address, shown whole as it is sent, and a long one is high risk', async () => {
    const url = `https://example.com/?d=${'a'.repeat(400)}`;
    const assessment = await assess(url);
    expect(assessment).toMatchObject({ decision: 'ask', risk: 'high', sendsOut: true });
    expect(assessment.display.text).toBe(url);
    expect(assessment.alwaysKey).toBe(`fetch_url:${JSON.stringify(url)}`);
    expect((await assess('https://example.com/?d=b')).alwaysKey).not.toBe(assessment.alwaysKey);
    expect((await assess('https://bücher.example/#part')).display.text).toBe(
      'https://xn--bcher-kva.example/',
    );
  });

  it('A28 by policy: unlisted asks although the tool only reads; "*" is the operator\'s own choice', async () => {
    const decide = async (allow: readonly string[], untrusted: string | null = null) => {
      const tool = createFetchTool({ allow });
      const args = { url: 'https://example.com/?leak=1' };
      return decidePolicy({
        tool,
        args,
        assessment: await tool.assess(args, { workspace: '/' }),
        rules: [],
        actor: { user: 'web:ana', roles: ['user'] },
        where: { channel: 'web', conversation: 'general' },
        granted: false,
        terms: { approvers: null, required: 1, secondPerson: false },
        untrusted,
      }).decision;
    };
    expect(await decide([])).toBe('ask');
    expect(await decide(['docs.example'])).toBe('ask');
    expect(await decide(['*'])).toBe('allow');
    // Even a listed host is asked for once the model may be following somebody else's words.
    expect(await decide(['*'], 'the output of fetch_url')).toBe('ask');
  });

  it('A28 a listed host cannot hand the request on to one that is not', async () => {
    const other = await serve({ '/?leak=1': text('taken') });
    const server = await serve({ '/': redirect(`http://localhost:${other.port}/?leak=1`) });
    expect((await fetcher({ allow: ['127.0.0.1'] }).run(`${server.origin}/`)).ok).toBe(false);
    expect(other.requests).toHaveLength(0);
  });
});

describe('A28 what comes back', () => {
  const fetch = (url: string) => fetcher({ allow: ['127.0.0.1'] }).run(url);
  const MiB = 1024 * 1024;

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const)('A28 a %s bomb is unpacked no further than the limit', async (encoding, compress) => {
    const bomb = compress(Buffer.alloc(64 * MiB, 'a'));
    const server = await serve({ '/': text(bomb, { 'content-encoding': encoding }) });
    const result = await fetch(`${server.origin}/`);
    expect(result.metadata.bytes).toBe(4 * MiB);
    expect(result.output).toContain('[cut off after');
  });

  it('A28 an endless answer is cut and its connection closed', async () => {
    const closed = Promise.withResolvers<void>();
    const server = await serve({
      '/': (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' });
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more);
        response.on('close', () => closed.resolve());
        more();
      },
    });
    expect((await fetch(`${server.origin}/`)).metadata.bytes).toBe(4 * MiB);
    await closed.promise;
  });

  it.each([
    ['image/png', Buffer.from([0x89, 0x50, 0x4e, 0x47])],
    ['application/octet-stream', Buffer.from('MZ')],
    ['application/pdf', Buffer.from('%PDF')],
    ['', Buffer.from([0, 1, 2])],
  ])('A28 content of type "%s" is not taken for text', async (type, body) => {
    const server = await serve({
      '/': (_request, response) =>
        void response.writeHead(200, type === '' ? {} : { 'content-type': type }).end(body),
    });
    expect(await fetch(`${server.origin}/`)).toMatchObject({
      ok: false,
      metadata: { errorCode: 'tool.not_text' },
    });
  });

  it('A28 huge headers, an unknown encoding, a reset and a refused connection are results', async () => {
    const server = await serve({
      '/headers': text('x', { 'x-long': 'y'.repeat(60_000) }),
      '/encoding': text('x', { 'content-encoding': 'rot13' }),
      '/reset': (request) => void request.socket.destroy(),
      '/bad': text('not gzip', { 'content-encoding': 'gzip' }),
    });
    for (const path of ['/headers', '/encoding', '/reset', '/bad'])
      expect(await fetch(`${server.origin}${path}`)).toMatchObject({
        ok: false,
        metadata: { errorCode: 'tool.unreachable' },
      });
    expect((await fetch('http://127.0.0.1:9999/')).output).toContain('could not be fetched');
  });
});
