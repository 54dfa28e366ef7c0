/**
 * `npm run bench [-- NAME …] [--quick]`: what Parley costs, beside a bare bot on the same SDKs with no store and no
 * engine, in one run and on loopback. Names: the parts below, and the platforms.
 */
import { parseArgs } from 'node:util';
import { machine } from './machine.ts';
import { aside } from './parts/aside.ts';
import { memory } from './parts/memory.ts';
import { recall } from './parts/recall.ts';
import { recovery } from './parts/recovery.ts';
import { scale } from './parts/scale.ts';
import { start } from './parts/start.ts';
import { type ThroughputOptions, throughput } from './parts/throughput.ts';
import { platformNames } from './platforms.ts';
import { type Row, toJson, toTable } from './report.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    node: { type: 'string' },
    only: { type: 'string' },
    sessions: { type: 'string' },
    memory: { type: 'boolean', default: false },
  },
});
const effort = values.quick
  ? { rounds: 1, turns: 1, measureMs: 2_500 }
  : { rounds: 4, turns: 2, measureMs: 2_500 };
const options: ThroughputOptions = {
  ...effort,
  memory: values.memory,
  ...(values.node === undefined ? {} : { nodeArgs: values.node.split(' ') }),
  ...(values.only === 'parley' || values.only === 'floor' ? { only: values.only } : {}),
  ...(values.sessions === undefined ? {} : { sessions: Number(values.sessions) }),
};

const parts: Readonly<Record<string, () => Promise<Row[]>>> = {
  ...Object.fromEntries(platformNames.map((name) => [name, () => throughput(name, options)])),
  start: () => start({ rounds: values.quick ? 2 : 5 }),
  memory: () => memory(values),
  btw: aside,
  recovery,
  scale: () => scale(options),
  recall,
};

const wanted = positionals.length > 0 ? positionals : values.quick ? ['telegram'] : Object.keys(parts);
const unknown = wanted.filter((name) => parts[name] === undefined);
if (unknown.length > 0)
  throw new Error(`There is no part ${unknown.join(', ')}: ${Object.keys(parts).join(', ')}.`);

const rows: Row[] = [];
for (const name of wanted) {
  const found = (await parts[name]?.()) ?? [];
  rows.push(...found);
  process.stdout.write(`${toTable(found)}\n`);
}
const measuredOn = machine();
process.stdout.write(`${measuredOn}\n${toJson(measuredOn, rows)}`);
process.exit(0);
