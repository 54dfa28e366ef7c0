/**
 * Which requests this server answers at all (pure). It runs on people's own machines, so any web page they visit
 * can send requests to it: a Host we are not known by (DNS rebinding) and a foreign Origin are refused.
 */
import { isIP } from 'node:net';

export type RequestOrigin = {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly fetchMode: string | undefined;
  /** The address the connection came in on. */
  readonly localAddress: string | undefined;
  readonly publicUrl: string | null;
};

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'))
  );
}

/**
 * An address typed as a number cannot be rebound, so the one the connection came in on is ours by definition
 * (health probes and other machines of the network use it).
 */
function isOwnAddress(hostname: string, localAddress: string | undefined): boolean {
  if (localAddress === undefined) return false;
  const bare = localAddress.startsWith('::ffff:') ? localAddress.slice('::ffff:'.length) : localAddress;
  return isIP(bare) !== 0 && hostname === (isIP(bare) === 6 ? `[${bare}]` : bare);
}

/** Says why a request is refused, or undefined when it may pass. */
export function refusal(request: RequestOrigin): string | undefined {
  const own = parse(`http://${request.host ?? ''}`);
  const publicUrl = request.publicUrl === null ? undefined : parse(request.publicUrl);
  if (
    own === undefined ||
    own.pathname !== '/' ||
    !(
      isLoopback(own.hostname) ||
      own.hostname === publicUrl?.hostname ||
      isOwnAddress(own.hostname, request.localAddress)
    )
  ) {
    return 'This address is not one of mine. Open the address printed at the start, or set server.public_url to the one you use.';
  }
  if (request.origin !== undefined) {
    const origin = parse(request.origin);
    const same = origin !== undefined && (origin.host === own.host || origin.origin === publicUrl?.origin);
    if (!same)
      return 'Requests from other web sites are refused. If this is the right site, set server.public_url to its address.';
  }
  const isNavigation = request.method === 'GET' && request.fetchMode === 'navigate';
  const isForeign = request.fetchSite === 'cross-site' || request.fetchSite === 'same-site';
  if (isForeign && !isNavigation) return 'Requests from other web sites are refused.';
  return undefined;
}
