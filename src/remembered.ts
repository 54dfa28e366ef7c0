/** What a gateway remembers of MCP servers, for commands beside it: read, never written; nothing before the first start. */
import type { LoadedConfig } from './config/load.ts';
import { AppError } from './domain/errors.ts';
import type { KeyValue } from './domain/feed.ts';
import type { Logger } from './domain/runtime.ts';
import { openStore } from './store/open.ts';

const nothing: KeyValue = {
  get: async () => undefined,
  set: async () => {},
  delete: async () => {},
  setOnce: async () => false,
  deleteBetween: async () => {},
};

export async function withRemembered<T>(
  { config, profiles }: LoadedConfig,
  log: Logger,
  use: (state: KeyValue) => Promise<T>,
): Promise<T> {
  const used = [config, ...profiles.values()].some(({ tools }) => Object.keys(tools.mcp.servers).length > 0);
  if (!used) return use(nothing);
  const store = await openStore({ url: config.store.url, log, access: 'read' }).catch((error: unknown) => {
    if (error instanceof AppError) return null;
    throw error;
  });
  try {
    return await use({ ...nothing, get: store?.state('mcp').get ?? nothing.get });
  } finally {
    await store?.close();
  }
}
