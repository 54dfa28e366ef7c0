/** The benchmark talks to nothing but this machine: it sends thousands of messages, and nobody outside asked for them. */

/** @throws Error for an address that is not a loopback one; names that only resolve to one are refused too. */
export function requireLoopback(address: string): string {
  const host = URL.canParse(address) ? new URL(address).hostname : '';
  if (/^127\.\d+\.\d+\.\d+$/.test(host) || host === '[::1]') return address;
  throw new Error(
    `The benchmark runs against loopback only (127.0.0.0/8 or [::1]), and "${address}" is not on it.`,
  );
}
