/** Brings a database to the schema of this program, and refuses one that a newer program has written (F49). */
import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { AppError } from '../domain/errors.ts';
import type { Schema } from './schema.ts';

export type Dialect = 'sqlite' | 'postgres';
export type MigrationFor = (dialect: Dialect) => Migration;

type Options = {
  readonly db: Kysely<Schema>;
  readonly dialect: Dialect;
  readonly migrations: Readonly<Record<string, MigrationFor>>;
  /** How the database is called in messages: without a password. */
  readonly where: string;
};

/** @throws AppError `store.newer_schema`; reads only. */
export async function refuseNewer(options: Options): Promise<void> {
  await knownMigrationsDone(options);
}

/** Runs what is missing, in one transaction. @throws AppError `store.newer_schema` before anything is written. */
export async function migrate(options: Options): Promise<void> {
  const done = await knownMigrationsDone(options);
  if (Object.keys(options.migrations).every((name) => done.includes(name))) return;
  const migrator = new Migrator({
    db: options.db,
    provider: {
      getMigrations: async () =>
        Object.fromEntries(
          Object.entries(options.migrations).map(([name, of]) => [name, of(options.dialect)]),
        ),
    },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

/** For a reader, which must not write: the schema has to be exactly this program's. */
export async function requireCurrent(options: Options): Promise<void> {
  const done = await knownMigrationsDone(options);
  const missing = Object.keys(options.migrations).filter((name) => !done.includes(name));
  if (missing.length === 0) return;
  throw new AppError(
    'store.unreachable',
    `${options.where} is of an older version (it lacks ${missing.join(', ')}). Start the gateway once to upgrade it.`,
    { retryable: false },
  );
}

async function knownMigrationsDone({ db, dialect, migrations, where }: Options): Promise<string[]> {
  const tables =
    dialect === 'sqlite'
      ? sql`select name from sqlite_master where type = 'table' and name = 'kysely_migration'`
      : sql`select 1 where to_regclass('kysely_migration') is not null`;
  if ((await tables.execute(db)).rows.length === 0) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const unknown = rows.map((row) => row.name).filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0) {
    throw new AppError(
      'store.newer_schema',
      `${where} was written by a newer Parley (it has ${unknown.join(', ')}). Run that version, or restore a backup made before the upgrade. Nothing was changed.`,
    );
  }
  return rows.map((row) => row.name);
}
