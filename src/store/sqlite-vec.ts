/** sqlite-vec, where npm could install it for this platform: an optional dependency. */
import type BetterSqlite3 from 'better-sqlite3';
import type { Database } from './database.ts';

/** Loaded into the given connections when first asked for; another platform or an old C library is no error. */
export function findSqliteVec(handles: readonly BetterSqlite3.Database[]): Database['vectorExtension'] {
  let found: ReturnType<Database['vectorExtension']> | undefined;
  return () => {
    found ??= load(handles).then(
      () => 'sqlite-vec',
      () => null,
    );
    return found;
  };
}

async function load(handles: readonly BetterSqlite3.Database[]): Promise<void> {
  const { load } = await import('sqlite-vec');
  for (const handle of handles) load(handle);
}
