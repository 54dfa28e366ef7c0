/** Secrets that are led past every sink: how they may be written, what gives them away, and where to look. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { FakeModel } from '../../fakes/model-server.ts';
import type { GatewayFolder, RunningGateway } from './gateway.ts';
import type { TurnRow } from './scenario.ts';

const SHIFTS = ['', 'x', 'xy'];
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const lowerCodes = (text: string): string => text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());

/** The ways in which a value is likely to be written. */
export const forms = (value: string): string[] => [
  value,
  JSON.stringify({ value }),
  encodeURIComponent(value),
  lowerCodes(encodeURIComponent(value)),
  Buffer.from(value).toString('hex'),
  Buffer.from(value).toString('hex').toUpperCase(),
  base64(`user:${value}`),
  ...SHIFTS.map((before) => base64(before + value)),
  ...SHIFTS.map((before) => Buffer.from(before + value).toString('base64url')),
];

/** So much of any form gives it away; of base64 the ends depend on what stands beside it. */
export const tracesOf = (value: string): string[] => {
  const hex = Buffer.from(value).toString('hex').slice(0, 24);
  const url = encodeURIComponent(value).slice(0, 18);
  const coded = SHIFTS.flatMap((before) => [
    base64(before + value).slice(4, 20),
    Buffer.from(before + value)
      .toString('base64url')
      .slice(4, 20),
  ]);
  return [...new Set([value.slice(0, 14), hex, hex.toUpperCase(), url, lowerCodes(url), ...coded])];
};

export type Sinks = Readonly<Record<string, string>> & { readonly log: string; readonly prompts: string };

/** Everything the gateway has said or kept, by where; what a platform was told is up to the caller. */
export async function sinksOf(s: {
  readonly folder: GatewayFolder;
  readonly gateway: RunningGateway;
  readonly model: FakeModel;
}): Promise<Sinks> {
  const { folder, gateway, model } = s;
  const database = new Database(join(folder.path, 'data/parley.db'), { readonly: true });
  const tables = database
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`)
    .pluck()
    .all() as string[];
  const kept = Object.fromEntries(
    tables.map((table) => [
      `table ${table}`,
      JSON.stringify(database.prepare(`SELECT * FROM "${table}"`).all(), (_key, value) =>
        Buffer.isBuffer(value) ? value.toString('latin1') : value,
      ),
    ]),
  );
  database.close();
  const cli = async (...args: string[]) => {
    const { stdout, stderr } = await folder.look(...args);
    return stdout + stderr;
  };
  const [last] = await folder.json<TurnRow>('turns', '--json');
  return {
    ...kept,
    log: gateway.output(),
    prompts: JSON.stringify(model.calls.map((call) => call.body)),
    'texts for vectors': model.embedded.join('\n'),
    readiness: await (await fetch(`${gateway.url}/readyz`)).text(),
    check: await cli('check'),
    doctor: await cli('doctor'),
    'audit export': await cli('audit', 'export', '--jsonl'),
    events: await cli('events', last?.id ?? '', '--json'),
  };
}

/** Where a trace of a value stands, with what stands before it. */
export const leaks = (sinks: Readonly<Record<string, string>>, values: readonly string[]): string[] =>
  Object.entries(sinks).flatMap(([sink, text]) =>
    values
      .flatMap(tracesOf)
      .filter((trace) => text.includes(trace))
      .map((trace) => {
        const at = text.indexOf(trace);
        return `${sink}: ${text.slice(Math.max(0, at - 200), at + 20)}`;
      }),
  );
