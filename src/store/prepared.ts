/** Queries that run for every message: written with Kysely like all others, but built and compiled only once. */
import type { Compilable, QueryResult } from 'kysely';
import { type Db, runnerOf } from './database.ts';
import type { Dialect } from './migrate.ts';

/** Stands for a value while the query is built. */
class Slot {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

type Plan = { readonly sql: string; readonly parameters: readonly unknown[] };

/**
 * @param build gets a stand-in for each of the values, and must make the same query of it whatever they are: nothing
 * may depend on one but its place among the parameters.
 */
export function prepared<V extends object, R>(build: (db: Db, of: V, dialect: Dialect) => Compilable<R>) {
  const plans = new Map<string, Plan>();
  return async (db: Db, values: V): Promise<QueryResult<R>> => {
    const { dialect, run } = runnerOf(db);
    const names = Object.keys(values);
    const shape = `${dialect} ${names.join(' ')}`;
    let plan = plans.get(shape);
    if (plan === undefined) {
      const slots = Object.fromEntries(names.map((name) => [name, new Slot(name)]));
      plan = build(db, slots as V, dialect).compile();
      plans.set(shape, plan);
    }
    const given = plan.parameters.map((one) => (one instanceof Slot ? Reflect.get(values, one.name) : one));
    return (await run(plan.sql, given)) as QueryResult<R>;
  };
}
