/** Queries that run for every message: written with Kysely like all others, but built and compiled only once. */
import { type Compilable, type QueryResult, type SqlBool, sql } from 'kysely';
import { type Db, runnerOf } from './database.ts';
import type { Dialect } from './migrate.ts';

/** Stands for a value while the query is built. */
class Slot {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

type Plan = {
  readonly sql: string;
  /** What the values have to be called, in this order. */
  readonly names: readonly string[];
  readonly parameters: readonly unknown[];
};

/**
 * @param build gets a stand-in for each of the values, and must make the same query of it whatever they are: nothing
 * may depend on one but its place among the parameters.
 */
export function prepared<V extends object, R>(build: (db: Db, of: V, dialect: Dialect) => Compilable<R>) {
  const plans: Record<Dialect, Plan[]> = { sqlite: [], postgres: [] };
  return (db: Db, values: V): Promise<QueryResult<R>> => {
    const { dialect, run } = runnerOf(db);
    let plan = plans[dialect].find((one) => fits(one, values));
    if (plan === undefined) {
      const names = Object.keys(values);
      const slots = Object.fromEntries(names.map((name) => [name, new Slot(name)]));
      plan = { ...build(db, slots as V, dialect).compile(), names };
      plans[dialect].push(plan);
    }
    const given = plan.parameters.map((one) => (one instanceof Slot ? Reflect.get(values, one.name) : one));
    return run(plan.sql, given) as Promise<QueryResult<R>>;
  };
}

function fits({ names }: Plan, values: object): boolean {
  let index = 0;
  for (const name in values) {
    if (names[index] !== name) return false;
    index += 1;
  }
  return index === names.length;
}

/** A list as one value, for `isAmong`: with a value for each of its members each length would be another statement. */
export const listOf = (dialect: Dialect, members: readonly (string | number)[]) =>
  dialect === 'sqlite' ? JSON.stringify(members) : members;

export const isAmong = (dialect: Dialect, column: string, list: ReturnType<typeof listOf>) =>
  dialect === 'sqlite'
    ? sql<SqlBool>`${sql.ref(column)} in (select value from json_each(${list}))`
    : sql<SqlBool>`${sql.ref(column)} = any(${list})`;
