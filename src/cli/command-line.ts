/** What every command needs of the outside: the environment, the output, the configuration and a read-only store. */
import { type Environment, openEnvironment } from '../config/env.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { AppError } from '../domain/errors.ts';
import type { UserId } from '../domain/message.ts';
import { accountsOf } from '../gateway/access.ts';
import { createLogger } from '../runtime/log.ts';
import { createRedact } from '../runtime/redact.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';

export type CommonOptions = { readonly config?: string };

export const printLine = (line: string): void => void process.stdout.write(`${line}\n`);
export const printJson = (value: unknown): void => printLine(JSON.stringify(value));

export const environment = (): Environment => openEnvironment(process.env, '.env');

/** @throws AppError `config.invalid` */
export function load(options: CommonOptions): LoadedConfig {
  const env = environment();
  const named = options.config ?? fromEnvironment(env);
  return loadConfig(named, env);
}

function fromEnvironment(env: Environment): string | null {
  const found = env.lookup('PARLEY_CONFIG');
  return 'value' in found && found.value !== '' ? found.value : null;
}

/** @throws AppError `cli.usage` */
export function toLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1) return limit;
  throw new AppError('cli.usage', `--limit must be a whole number above 0, not ${text}`);
}

/** All accounts of the person whom `--user` names, as `access.people` joins them; nothing without that option. */
export const accountsIn = (
  { user }: { readonly user?: string },
  { config }: LoadedConfig,
): { readonly accounts?: readonly UserId[] } =>
  user === undefined ? {} : { accounts: accountsOf(config.access, user) };

/** Beside a live gateway or on a stopped one. */
export async function withStore<T>(
  options: CommonOptions,
  use: (store: Store, loaded: LoadedConfig) => Promise<T>,
  access: 'read' | 'share' = 'read',
): Promise<T> {
  const loaded = load(options);
  const store = await openStore({ url: loaded.config.store.url, log: quietLog(loaded), access });
  try {
    return await use(store, loaded);
  } finally {
    await store.close();
  }
}

/** Commands answer on stdout; what the store has to say goes to stderr, and only if it matters. */
export const quietLog = (loaded: LoadedConfig) =>
  createLogger({
    level: 'warn',
    pretty: true,
    redact: createRedact(() => loaded.secrets),
    write: (line) => void process.stderr.write(line),
  });

/** Two or more columns, padded; nothing when there are no rows. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) return;
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  for (const row of all)
    printLine(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

export const isoTime = (at: number | null): string | null =>
  at === null ? null : new Date(at).toISOString();
