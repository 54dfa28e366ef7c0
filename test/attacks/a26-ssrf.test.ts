/** A26: server-side request forgery. However an inner address is written or reached, nothing is sent to it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressKind, createEgress } from '../../src/agent/tools/http/addresses.ts';
import { fetcher, serve, text } from './web-server.ts';

const inner = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0x7f.0.0.1/',
  'http://017700000001/',
  'http://0177.0.0.1/',
  'http://127.0.0.1./',
  'http://１２７.0.0.1/',
  'http://127。0。0。1/',
  'http://0/',
  'http://0.0.0.0/',
  'http://10.0.0.1/',
  'http://172.16.5.4/',
  'http://172.31.255.255/',
  'http://192.168.1.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://2852039166/',
  'http://100.64.0.1/',
  'http://100.100.100.200/',
  'http://168.63.129.16/',
  'http://198.18.0.1/',
  'http://192.0.0.192/',
  'http://224.0.0.1/',
  'http://240.0.0.1/',
  'http://255.255.255.255/',
  'http://[::]/',
  'http://[::1]/',
  'http://[0:0:0:0:0:0:0:1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[::127.0.0.1]/',
  'http://[64:ff9b::127.0.0.1]/',
  'http://[64:ff9b::a9fe:a9fe]/',
  'http://[64:ff9b:1::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[2002:808:808::]/',
  'http://[2001:0:53aa:64c::1]/',
  'http://[2001:db8::1]/',
  'http://[fe80::1]/',
  'http://[fec0::1]/',
  'http://[fd00:ec2::254]/',
  'http://[fc00::1]/',
  'http://[ff02::1]/',
];

const nowhere = async () => {
  throw new Error('must not be looked up');
};

describe('A26 addresses inside', () => {
  it.each(inner)('A26 refuses %s before and when it runs', async (url) => {
    const tool = fetcher({ allow: [], resolve: nowhere });
    expect(await tool.assess(url)).toMatchObject({ decision: 'deny', risk: 'blocked' });
    expect(await tool.run(url)).toMatchObject({
      ok: false,
      metadata: { errorCode: 'tool.egress_refused' },
    });
  });

  it.each([
    'file:///etc/passwd',
    'FILE:/etc/passwd',
    'ftp://example.com/x',
    'gopher://example.com/',
    'data:text/html,hello',
    'javascript:alert(1)',
    'blob:https://example.com/1',
    'ws://example.com/',
    'unix:/run/docker.sock',
    'http+unix://%2Frun%2Fdocker.sock/info',
    '//example.com/x',
    'example.com',
    'http://',
    'http://user:secret@example.com/',
    'http://example.com@127.0.0.1:80/',
    'http://example.com:22/',
    'http://example.com:25/',
  ])('A26 refuses %s', async (url) => {
    const tool = fetcher({ allow: ['*'], resolve: nowhere });
    expect((await tool.assess(url)).decision).toBe('deny');
    expect((await tool.run(url)).ok).toBe(false);
  });

  it.each([
    ['127.0.0.1'],
    ['10.0.0.5'],
    ['169.254.169.254'],
    ['::1'],
    ['::ffff:10.0.0.5'],
    ['64:ff9b::10.0.0.5'],
    ['fd00::5'],
    ['fe80::1%eth0'],
    ['93.184.216.34', '127.0.0.1'],
    ['2606:2800:220:1::1', 'fd00::1'],
  ])('A26 refuses a public name that resolves to %s', async (...addresses) => {
    const resolve = async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    const tool = fetcher({ allow: ['*'], resolve });
    const result = await tool.run('https://public.example/');
    expect(result).toMatchObject({ ok: false, metadata: { errorCode: 'tool.egress_refused' } });
  });

  it('A26 reaches a private address only when that address itself is listed, not when a name is', async () => {
    const server = await serve({ '/': text('inside') });
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    const byName = fetcher({ allow: ['intranet.example'], resolve });
    expect((await byName.run(`http://intranet.example:${server.port}/`)).ok).toBe(false);
    expect(server.requests).toHaveLength(0);
    const byNetwork = fetcher({ allow: ['127.0.0.0/8'], resolve });
    expect((await byNetwork.run(`http://intranet.example:${server.port}/`)).output).toContain('inside');
    expect((await byNetwork.run(`${server.origin}/`)).output).toContain('inside');
  });

  it('A26 reaches metadata services never, whatever is listed', () => {
    const egress = createEgress(['0.0.0.0/0', '::/0', '*', '169.254.169.254']);
    for (const address of ['169.254.169.254', 'fd00:ec2::254', '100.100.100.200', 'fe80::1', '0.0.0.0'])
      expect(egress.mayConnect(address)).toBe(false);
    expect(egress.mayConnect('10.0.0.1')).toBe(true);
  });

  it('A26 property: an IPv4 address is the same thing in every notation that stands for it', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.tuple(octet, octet, octet, octet), (octets) => {
        const dotted = octets.join('.');
        const number = octets.reduce((sum, one) => sum * 256 + one, 0);
        const hex = number.toString(16).padStart(8, '0');
        const groups = `${hex.slice(0, 4)}:${hex.slice(4)}`;
        const kind = addressKind(dotted);
        expect(addressKind(new URL(`http://${number}/`).hostname)).toBe(kind);
        expect(addressKind(new URL(`http://0x${hex}/`).hostname)).toBe(kind);
        expect(addressKind(`::ffff:${dotted}`)).toBe(kind);
        expect(addressKind(`::ffff:${groups}`)).toBe(kind);
        expect(addressKind(`64:ff9b::${groups}`)).toBe(kind);
        expect(addressKind(`2002:${groups}::1`)).not.toBe('public');
      }),
    );
  });

  it('A26 lets the public internet through', () => {
    for (const address of ['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700:4700::1111', '64:ff9b::808:808'])
      expect(addressKind(address)).toBe('public');
    for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', '::g'])
      expect(addressKind(text)).toBe('never');
  });
});
