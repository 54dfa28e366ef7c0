/** The proxies of a gateway's sandboxes; loaded and opened when a list of hosts is first used. */
import type { EgressProxy } from './proxy.ts';

export type Proxies = {
  /** One for each list of hosts, opened when it is first needed. */
  socketFor(hosts: readonly string[]): Promise<string>;
  close(): Promise<void>;
};

export function createProxies(): Proxies {
  const open = new Map<string, Promise<EgressProxy>>();
  return {
    async socketFor(hosts) {
      const key = JSON.stringify(hosts);
      const proxy = open.get(key) ?? import('./proxy.ts').then(({ openProxy }) => openProxy(hosts));
      open.set(key, proxy);
      try {
        return (await proxy).socket;
      } catch (error) {
        // The next one may find room again.
        open.delete(key);
        throw error;
      }
    },
    async close() {
      for (const proxy of open.values()) (await proxy).close();
      open.clear();
    },
  };
}
