/** The benchmark refuses to run against anything but this machine. */
import { describe, expect, it } from 'vitest';
import { requireLoopback } from '../../../bench/loopback.ts';

describe('the benchmark', () => {
  it.each(['http://127.0.0.1:8080/v1', 'http://127.1.2.3', 'ws://[::1]:9/x'])(
    'runs against %s',
    (address) => {
      expect(requireLoopback(address)).toBe(address);
    },
  );

  it.each([
    'https://api.telegram.org',
    'http://10.0.0.1:80',
    'http://localhost.example.com',
    'http://localhost',
    'http://127.0.0.1.example.com',
    'http://user@127.0.0.1@example.com',
    'http://0.0.0.0',
    '127.0.0.1',
    '',
  ])('refuses %j', (address) => {
    expect(() => requireLoopback(address)).toThrow('loopback only');
  });
});
