/**
 * Who is asking: tokens, and the cookie a token is exchanged for. The cookie is signed with a key that outlives the
 * process and is bound to the person's current token, so that a new token ends every session of the old one (A41).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyValue } from '../../domain/feed.ts';
import { type Clock, newSecret } from '../../domain/runtime.ts';
import type { WebConfig } from './config.ts';

export type Person = { readonly id: string; readonly name: string };

export type SignIn = {
  /** Path that signs the owner in once, for the line printed at start; null when `server.token` does it. */
  readonly oneTimePath: string | null;
  /** The person whose token it is. `limited`: too many wrong ones lately, nothing was compared. */
  exchange(token: string): Person | 'wrong' | 'limited';
  cookieFor(person: Person): string;
  readonly endCookie: string;
  /** The signed-in person of a Cookie header. */
  person(cookies: string | undefined): Person | undefined;
  isPerson(id: string): boolean;
};

export const ownerName = 'owner';
const OWNER: Person = { id: `web:${ownerName}`, name: 'Owner' };
const SESSION_MS = 30 * 24 * 60 * 60 * 1000;
/** Wrong tokens a minute, over everybody: no one mistypes that often, and guessing 16 characters takes for ever. */
const MAX_WRONG = 10;
const WRONG_WINDOW_MS = 60_000;

export type SignInConfig = Pick<WebConfig, 'users'> & {
  /** Null: a one-time token is made instead. */
  readonly ownerToken: string | null;
  /** Cookies are marked Secure when it is https. */
  readonly publicUrl: string | null;
};

export async function openSignIn(deps: {
  config: SignInConfig;
  state: KeyValue;
  clock: Clock;
}): Promise<SignIn> {
  const { config, state, clock } = deps;
  const key = await openKey(state);
  const sign = (text: string): string => createHmac('sha256', key).update(text).digest('base64url');

  const people = new Map<string, { person: Person; token: string | null }>();
  people.set(OWNER.id, { person: OWNER, token: config.ownerToken });
  for (const [name, token] of Object.entries(config.users)) {
    people.set(`web:${name}`, { person: { id: `web:${name}`, name }, token });
  }
  let oneTime: string | null = config.ownerToken === null ? newSecret() : null;
  const oneTimePath = oneTime === null ? null : `/?token=${oneTime}`;

  // Two gateways on one machine share a cookie jar: the port is no part of a cookie's scope.
  const cookieName = `parley_${createHmac('sha256', key).update('cookie').digest('hex').slice(0, 8)}`;
  const secure = config.publicUrl?.startsWith('https:') ? '; Secure' : '';
  const cookie = (value: string, maxAge: number): string =>
    `${cookieName}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}${secure}`;

  const fingerprint = (id: string, token: string | null): string =>
    sign(`token\n${id}\n${token ?? ''}`).slice(0, 16);
  const same = (left: string, right: string): boolean =>
    timingSafeEqual(Buffer.from(sign(left)), Buffer.from(sign(right)));

  const wrongAt: number[] = [];

  return {
    oneTimePath,
    exchange(token) {
      const now = clock.monotonic();
      while (wrongAt[0] !== undefined && wrongAt[0] <= now - WRONG_WINDOW_MS) wrongAt.shift();
      if (wrongAt.length >= MAX_WRONG) return 'limited';
      let found: Person | undefined;
      // Every token is compared, so that the time taken says nothing about which one was near.
      for (const entry of people.values())
        if (entry.token !== null && same(entry.token, token)) found = entry.person;
      if (oneTime !== null && same(oneTime, token)) {
        oneTime = null;
        found = OWNER;
      }
      if (found === undefined) wrongAt.push(now);
      return found ?? 'wrong';
    },
    cookieFor(person) {
      const token = people.get(person.id)?.token ?? null;
      const payload = [
        person.id.slice('web:'.length),
        clock.now() + SESSION_MS,
        fingerprint(person.id, token),
      ].join('~');
      return cookie(`${payload}~${sign(payload)}`, SESSION_MS / 1000);
    },
    endCookie: cookie('', 0),
    person(cookies) {
      for (const part of (cookies ?? '').split(';')) {
        const [name, value] = part.trim().split('=', 2);
        if (name !== cookieName || value === undefined) continue;
        const [user, until, print, signature, ...rest] = value.split('~');
        if (user === undefined || until === undefined || print === undefined || signature === undefined)
          continue;
        if (rest.length > 0 || !same(signature, sign([user, until, print].join('~')))) continue;
        const entry = people.get(`web:${user}`);
        if (entry === undefined || Number(until) < clock.now()) continue;
        if (same(print, fingerprint(entry.person.id, entry.token))) return entry.person;
      }
      return undefined;
    },
    isPerson: (id) => people.has(id),
  };
}

async function openKey(state: KeyValue): Promise<Buffer> {
  const name = 'session-key';
  if ((await state.get(name)) === undefined) await state.set(name, randomBytes(32).toString('base64url'));
  // Read back: another replica may have been first.
  const stored = await state.get(name);
  return Buffer.from(stored ?? '', 'base64url');
}
