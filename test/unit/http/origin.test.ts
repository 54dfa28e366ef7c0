import { describe, expect, it } from 'vitest';
import { type RequestOrigin, refusal } from '../../../src/http/origin.ts';

const plain: RequestOrigin = {
  method: 'GET',
  host: '127.0.0.1:8787',
  origin: undefined,
  fetchSite: undefined,
  fetchMode: undefined,
  localAddress: '127.0.0.1',
  publicUrl: null,
};
const passes = (change: Partial<RequestOrigin>) => refusal({ ...plain, ...change }) === undefined;

describe('A46: which requests are answered', () => {
  it.each([
    ['localhost', { host: 'localhost:8787' }],
    ['IPv6 loopback', { host: '[::1]:8787' }],
    ['the public address', { host: 'chat.example', publicUrl: 'https://chat.example' }],
    ['the address the connection came in on', { host: '10.0.0.5:8787', localAddress: '::ffff:10.0.0.5' }],
    ['its own page', { method: 'POST', origin: 'http://127.0.0.1:8787', fetchSite: 'same-origin' }],
    [
      'its own page behind a proxy',
      {
        method: 'POST',
        host: 'localhost',
        origin: 'https://chat.example',
        publicUrl: 'https://chat.example',
      },
    ],
    ['a link on another site', { fetchSite: 'cross-site', fetchMode: 'navigate' }],
  ])('answers %s', (_what, change) => expect(passes(change)).toBe(true));

  it.each([
    ['a name that was rebound to us', { host: 'evil.example:8787' }],
    ['a name that begins like ours', { host: '127.0.0.1.evil.example' }],
    ['a foreign address typed as a number', { host: '10.0.0.6', localAddress: '10.0.0.5' }],
    ['no host', { host: undefined }],
    ['a host with a path', { host: 'localhost/@evil.example' }],
    ['another site', { method: 'POST', origin: 'https://evil.example' }],
    ['another program on this machine', { method: 'POST', origin: 'http://127.0.0.1:3000' }],
    ['a page without an origin', { method: 'POST', origin: 'null' }],
    ['a stream opened by another site', { fetchSite: 'cross-site', fetchMode: 'cors' }],
    ['a form of another site', { method: 'POST', fetchSite: 'cross-site', fetchMode: 'navigate' }],
    ['a script of a sibling site', { fetchSite: 'same-site', fetchMode: 'no-cors' }],
  ])('refuses %s', (_what, change) => expect(passes(change)).toBe(false));
});
