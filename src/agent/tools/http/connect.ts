/**
 * Names turned into addresses that were checked, once: the connection goes to exactly these, so that a name which
 * resolves to something else a moment later changes nothing (A27).
 */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { type Egress, plainHost } from './addresses.ts';

/** All addresses of a name. Rejects when there are none. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export const resolveBySystem: Resolve = (hostname) => lookup(hostname, { all: true, order: 'verbatim' });

/** A reason, in words for the model, why a request is not made. */
export class EgressRefused extends Error {}

/** Throws EgressRefused, also when only one of several addresses is not allowed: that is how rebinding begins. */
export async function checkedAddresses(
  hostname: string,
  egress: Egress,
  resolve: Resolve,
): Promise<readonly LookupAddress[]> {
  const host = plainHost(hostname);
  const literal = isIP(host);
  const found =
    literal === 0
      ? await resolve(host).catch(() => {
          throw new EgressRefused(`The name ${host} cannot be resolved.`);
        })
      : [{ address: host, family: literal }];
  const refused = found.find(({ address }) => !egress.mayConnect(address));
  if (refused !== undefined || found.length === 0) {
    const which = refused === undefined || refused.address === host ? host : `${host} (${refused.address})`;
    throw new EgressRefused(
      `${which} is not an address on the public internet. An operator can list private ones in tools.http.allow.`,
    );
  }
  return found;
}

/** For `net.connect` and `http.request`: knows these addresses only. */
export const pinnedLookup =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_hostname, options, done) => {
    const [first] = addresses;
    if (options.all === true) done(null, [...addresses]);
    else done(null, first?.address ?? '', first?.family ?? 4);
  };
