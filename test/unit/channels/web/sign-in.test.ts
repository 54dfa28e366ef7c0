import { describe, expect, it } from 'vitest';
import { openSignIn, type SignIn, type SignInConfig } from '../../../../src/channels/web/sign-in.ts';
import { createMemoryKeyValue } from '../../../fakes/memory-feed.ts';
import { anaToken, ownerToken } from '../../../fakes/web-gateway.ts';

let now = Date.UTC(2026, 10, 20);
const clock = { now: () => now, monotonic: () => now };
const config = (change: Partial<SignInConfig> = {}): SignInConfig => ({
  users: { ana: anaToken },
  ownerToken,
  publicUrl: null,
  ...change,
});

function enter(signIn: SignIn, token: string): string {
  const person = signIn.exchange(token);
  if (person === 'wrong' || person === 'limited') throw new Error(`not signed in: ${person}`);
  return signIn.cookieFor(person).split(';', 1)[0] ?? '';
}

describe('signing in', () => {
  it('knows each person by their token', async () => {
    const signIn = await openSignIn({ config: config(), state: createMemoryKeyValue(), clock });
    expect(signIn.oneTimePath).toBeNull();
    expect(signIn.exchange(ownerToken)).toEqual({ id: 'web:owner', name: 'Owner' });
    expect(signIn.exchange(anaToken)).toEqual({ id: 'web:ana', name: 'ana' });
    expect(signIn.exchange(`${anaToken}x`)).toBe('wrong');
    expect(signIn.exchange('')).toBe('wrong');
  });

  it('gives a token that works once when none is configured', async () => {
    const signIn = await openSignIn({
      config: config({ ownerToken: null }),
      state: createMemoryKeyValue(),
      clock,
    });
    const token = new URLSearchParams(signIn.oneTimePath?.slice(2)).get('token') ?? '';
    expect(token).toMatch(/^[\w-]{22}$/);
    expect(signIn.exchange(token)).toMatchObject({ id: 'web:owner' });
    expect(signIn.exchange(token)).toBe('wrong');
  });

  it('keeps a session over a restart, and ends it with the token (A41)', async () => {
    const state = createMemoryKeyValue();
    const cookie = enter(await openSignIn({ config: config(), state, clock }), anaToken);
    expect((await openSignIn({ config: config(), state, clock })).person(cookie)).toEqual({
      id: 'web:ana',
      name: 'ana',
    });
    const rotated = config({ users: { ana: 'another-token-456789' } });
    expect((await openSignIn({ config: rotated, state, clock })).person(cookie)).toBeUndefined();
    const removed = config({ users: {} });
    expect((await openSignIn({ config: removed, state, clock })).person(cookie)).toBeUndefined();
    const elsewhere = await openSignIn({ config: config(), state: createMemoryKeyValue(), clock });
    expect(elsewhere.person(cookie)).toBeUndefined();
  });

  it('accepts no cookie that was changed or is too old', async () => {
    const signIn = await openSignIn({ config: config(), state: createMemoryKeyValue(), clock });
    const cookie = enter(signIn, anaToken);
    expect(signIn.person(`other=1; ${cookie}`)).toBeDefined();
    for (const changed of [
      cookie.replace('ana', 'owner'),
      `${cookie}x`,
      cookie.slice(0, -1),
      cookie.replace('~', '~~'),
      '',
      undefined,
    ]) {
      expect(signIn.person(changed)).toBeUndefined();
    }
    now += 31 * 24 * 60 * 60 * 1000;
    expect(signIn.person(cookie)).toBeUndefined();
  });

  it('marks cookies for this site only, and Secure behind https', async () => {
    const signIn = await openSignIn({
      config: config({ publicUrl: 'https://chat.example' }),
      state: createMemoryKeyValue(),
      clock,
    });
    const cookie = signIn.cookieFor({ id: 'web:ana', name: 'ana' });
    for (const part of ['HttpOnly', 'SameSite=Strict', 'Path=/', 'Secure']) expect(cookie).toContain(part);
  });

  it('stops comparing after ten wrong tokens in a minute', async () => {
    const signIn = await openSignIn({ config: config(), state: createMemoryKeyValue(), clock });
    for (let i = 0; i < 10; i++) expect(signIn.exchange(`wrong-${i}`)).toBe('wrong');
    expect(signIn.exchange(anaToken)).toBe('limited');
    now += 60_001;
    expect(signIn.exchange(anaToken)).toMatchObject({ id: 'web:ana' });
  });
});
