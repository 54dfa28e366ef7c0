/**
 * Which addresses of the network a request may go to (pure, A26). A name is worth nothing here: only what it resolves
 * to counts, in whatever notation it comes, an IPv4 address inside an IPv6 one included.
 */
import { BlockList, isIP, isIPv4 } from 'node:net';

/** `public`: anybody may. `private`: only when the operator lists it. `never`: nobody, whatever is listed. */
export type AddressKind = 'public' | 'private' | 'never';

function blockList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) addNetwork(list, entry);
  return list;
}

/** @param entry `10.0.0.0/8` or a single address. False when it is neither. */
function addNetwork(list: BlockList, entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  const most = version === 4 ? 32 : 128;
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most)) return false;
  list.addSubnet(address, bits === undefined ? most : Number(bits), version === 4 ? 'ipv4' : 'ipv6');
  return true;
}

/** Metadata services of clouds (some have ordinary addresses), link-local, "this host", multicast, reserved. */
const never = blockList([
  ...['0.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['100.100.100.200', '168.63.129.16'],
  ...['::', 'fe80::/10', 'fec0::/10', 'ff00::/8', '100::/64', 'fd00:ec2::254', 'fd20:ce::254'],
]);

/** Loopback, private, carrier-grade NAT, benchmarks, documentation, the retired 6to4 relays. */
const privateV4 = blockList([
  ...['10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15'],
  ...['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '192.88.99.0/24'],
]);

const globalV6 = blockList(['2000::/3']);

/** Inside the global range, and yet not for everybody: Teredo and its neighbours, 6to4, documentation. */
const specialV6 = blockList(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, front = '', a, b, c, d] = dotted ?? [];
  const hex = (high: string | undefined, low: string | undefined): string =>
    (Number(high) * 256 + Number(low)).toString(16);
  const text = dotted === null ? address : `${front}${hex(a, b)}:${hex(c, d)}`;
  const [head = '', tail] = text.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const first = parse(head);
  const last = tail === undefined ? [] : parse(tail);
  return [...first, ...new Array<number>(Math.max(0, 8 - first.length - last.length)).fill(0), ...last];
}

/** The IPv4 address that a mapped, compatible, translated or 6to4 one stands for. */
function embeddedV4(address: string): string | null {
  const groups = groupsOf(address);
  const dotted = (high: number, low: number): string =>
    [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const [g0 = 0, g1 = 0, g2 = 0] = groups;
  const last = dotted(groups[6] ?? 0, groups[7] ?? 0);
  const zero = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0);
  if (zero(0, 5) && groups[5] === 0xffff) return last;
  if (zero(0, 4) && groups[4] === 0xffff && groups[5] === 0) return last;
  if (zero(0, 6) && (groups[6] !== 0 || (groups[7] ?? 0) > 1)) return last;
  if (g0 === 0x64 && g1 === 0xff9b && zero(2, 6)) return last;
  return g0 === 0x2002 ? dotted(g1, g2) : null;
}

/** Anything that is not an address is `never`. */
export function addressKind(text: string): AddressKind {
  const address = text.replace(/%.*$/, '');
  const version = isIP(address);
  if (version === 0) return 'never';
  if (version === 4) {
    if (never.check(address)) return 'never';
    return privateV4.check(address) ? 'private' : 'public';
  }
  const inner = embeddedV4(address);
  if (inner !== null) {
    const kind = addressKind(inner);
    // Mapped and NAT64 addresses are how IPv4 hosts look on some networks; 6to4 is nothing but a detour.
    return kind === 'public' && groupsOf(address)[0] === 0x2002 ? 'private' : kind;
  }
  if (never.check(address, 'ipv6')) return 'never';
  return globalV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6') ? 'public' : 'private';
}

/** Where requests may go: hosts that need no asking, and private addresses that may be reached at all. */
export type Egress = {
  /** On the list, so that nobody need be asked. @param host as `URL.hostname` gives it */
  isListed(host: string): boolean;
  /** Whether a connection to this address may be made. */
  mayConnect(address: string): boolean;
};

/** Without the dot that a full name may end with, and the brackets of an IPv6 address. */
export const plainHost = (hostname: string): string =>
  hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');

/** @param entries `example.com`, `*.example.com`, `*`, `10.1.2.3`, `10.1.0.0/16`, `fd12::/64`, as the configuration checked them */
export function createEgress(entries: readonly string[]): Egress {
  const networks = new BlockList();
  const names = entries.filter((entry) => !addNetwork(networks, entry)).map((entry) => entry.toLowerCase());
  const inNetworks = (address: string): boolean => networks.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  return {
    isListed(hostname) {
      const host = plainHost(hostname);
      if (isIP(host) !== 0)
        return inNetworks(host) || (names.includes('*') && addressKind(host) === 'public');
      return names.some((name) =>
        name.startsWith('*') ? name === '*' || host.endsWith(name.slice(1)) : name === host,
      );
    },
    mayConnect(address) {
      const kind = addressKind(address);
      return kind === 'public' || (kind === 'private' && inNetworks(address.replace(/%.*$/, '')));
    },
  };
}
