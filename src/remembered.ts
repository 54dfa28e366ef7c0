/** What a gateway remembers, for commands beside it: read, never written; nothing before the first start. */
import { existsSync } from 'node:fs';
import type { LoadedConfig } from './config/load.ts';
import { AppError } from './domain/errors.ts';
import type { KeyValue } from './domain/feed.ts';
import type { Logger } from './domain/runtime.ts';
import { openStore } from './store/open.ts';
import type { Store } from './store/store.ts';

const nothing: KeyValue = {
  get: async () => undefined,
  set: async () => {},
  delete: async () => {},
  setOnce: async () => false,
  deleteBetween: async () => {},
};

/** @param use `store` null where there is none yet, or where it cannot be read now: `problem` says why. */
export async function withStoreIfAny<T>(
  { config }: LoadedConfig,
  log: Logger,
  use: (store: Store | null, problem: string | null) => Promise<T>,
): Promise<T> {
  const { url } = config.store;
  if (url.startsWith('sqlite:') && !existsSync(url.slice('sqlite:'.length))) return use(null, null);
  let store: Store;
  try {
    store = await openStore({ url, log, access: 'read' });
  } catch (error) {
    if (error instanceof AppError) return use(null, error.message);
    throw error;
  }
  try {
    return await use(store, null);
  } finally {
    await store.close();
  }
}

/** Of MCP servers. */
export async function withRemembered<T>(
  loaded: LoadedConfig,
  log: Logger,
  use: (state: KeyValue) => Promise<T>,
): Promise<T> {
  const { config, profiles } = loaded;
  const used = [config, ...profiles.values()].some(({ tools }) => Object.keys(tools.mcp.servers).length > 0);
  if (!used) return use(nothing);
  return withStoreIfAny(loaded, log, (store) =>
    use({ ...nothing, get: store?.state('mcp').get ?? nothing.get }),
  );
}
