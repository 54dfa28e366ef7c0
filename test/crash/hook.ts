/**
 * Loaded into a gateway before anything else (`node --import`). It names every commit by what the transaction wrote,
 * and ends the process with SIGKILL just before or just after a chosen one. The program itself knows nothing of it.
 * The choice stands in a file, so that a gateway that has come through one conversation can be killed in the next.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';

const list = process.env.CRASH_LIST ?? '';
const choice = process.env.CRASH_AT ?? '';

/** What one open transaction has written so far. */
class Written {
  #parts = new Set<string>();

  add(sql: string, parameters: readonly unknown[]): void {
    const match = /^\s*(insert into|update|delete from)\s+"?(\w+)"?/i.exec(sql);
    if (match?.[2] === undefined) return;
    const types = match[2] === 'events' ? parameters.flatMap(eventTypesIn) : [];
    if (types.length > 0) for (const type of types) this.#parts.add(type);
    else this.#parts.add(`${match[1]?.split(' ')[0]?.toLowerCase()} ${match[2]}`);
  }

  /** The journal is what a turn is made of; what is written beside it only matters where it is alone. */
  name(): string {
    const parts = [...this.#parts].sort();
    const events = parts.filter((part) => part.includes('.'));
    return (events.length > 0 ? events : parts).join('+');
  }

  clear(): void {
    this.#parts.clear();
  }
}

function eventTypesIn(value: unknown): string[] {
  if (typeof value !== 'string') return [];
  const match = /^\{"type":"([a-z]+\.[a-z]+)"/.exec(value);
  return match?.[1] === undefined ? [] : [match[1]];
}

/** `before:NAME` or `after:NAME`; nothing where commits are only listed. */
let chosen = '';
/** What happens before the message is start-up, which has tests of its own, or belongs to the conversation before. */
let armed = false;

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) {
    // The signal is on its way.
  }
}

function committing(name: string): void {
  const latest = readFileSync(choice, 'utf8');
  armed = (armed && latest === chosen) || name.includes('turn.started');
  chosen = latest;
  if (!armed || name === '') return;
  appendFileSync(list, `${name}\n`);
  if (chosen === `before:${name}`) die();
}

function committed(name: string): void {
  if (armed && chosen === `after:${name}`) die();
}

const ofHandle = new WeakMap<object, Written>();
const writtenBy = (handle: object): Written => {
  const found = ofHandle.get(handle) ?? new Written();
  ofHandle.set(handle, found);
  return found;
};

const prepare = BetterSqlite3.prototype.prepare as (this: object, sql: string) => BetterSqlite3.Statement;
function prepareWatched(this: BetterSqlite3.Database, sql: string): BetterSqlite3.Statement {
  const statement = prepare.call(this, sql);
  const written = writtenBy(this);
  if (sql === 'commit') {
    const run = statement.run.bind(statement) as (...parameters: unknown[]) => BetterSqlite3.RunResult;
    statement.run = ((...parameters: unknown[]) => {
      const name = written.name();
      committing(name);
      const result = run(...parameters);
      written.clear();
      committed(name);
      return result;
    }) as typeof statement.run;
    return statement;
  }
  for (const method of ['run', 'get', 'all', 'iterate'] as const) {
    const call = (statement[method] as (...parameters: unknown[]) => unknown).bind(statement);
    Object.defineProperty(statement, method, {
      value(...parameters: unknown[]) {
        const result = call(...parameters);
        written.add(sql, parameters.flat());
        return result;
      },
    });
  }
  return statement;
}
BetterSqlite3.prototype.prepare = prepareWatched as typeof BetterSqlite3.prototype.prepare;

const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
pg.Client.prototype.query = function (this: object, ...args: unknown[]) {
  const [first, values] = args;
  const config =
    typeof first === 'object' && first !== null ? (first as { text?: string; values?: unknown[] }) : null;
  const sql = typeof first === 'string' ? first : (config?.text ?? '');
  const written = writtenBy(this);
  if (!/^\s*commit/i.test(sql)) {
    if (/^\s*begin/i.test(sql)) written.clear();
    written.add(sql, (Array.isArray(values) ? values : (config?.values ?? [])) as unknown[]);
    return query.apply(this, args);
  }
  const name = written.name();
  committing(name);
  const result = query.apply(this, args);
  if (result instanceof Promise) {
    return result.then((value: unknown) => {
      committed(name);
      return value;
    });
  }
  return result;
} as typeof pg.Client.prototype.query;
