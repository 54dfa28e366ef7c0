/**
 * Steady traffic on both channels, and what it leaves behind in the process: memory, handles, the event loop (P13).
 * `SOAK_SECONDS=300` is about an hour of a busy team; only then are the figures held against their goals.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Load, startLoad } from './load.ts';

const SECONDS = Number(process.env.SOAK_SECONDS ?? 12);
const isLong = process.env.SOAK_SECONDS !== undefined;
const EVERY_MS = 500;

type Sample = { readonly megabytes: number; readonly handles: number; readonly p99: number };

let load: Load;
beforeAll(async () => {
  load = await startLoad({ talks: { web: 4, telegram: 4 } });
}, 60_000);
afterAll(() => load.close());

const metric = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);

async function sample(): Promise<Sample> {
  const { pid } = load.gateway;
  const text = await (await load.owner.fetch('/metrics')).text();
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return {
    megabytes: Number(kilobytes) / 1024,
    handles: readdirSync(`/proc/${pid}/fd`).length,
    p99: metric(text, 'nodejs_eventloop_lag_p99_seconds'),
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

it(
  'P13: under steady traffic memory and handles stay flat, and the event loop is told of',
  async () => {
    const talking = load.begin();
    const samples: Sample[] = [];
    const end = performance.now() + SECONDS * 1_000;
    while (performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      samples.push(await sample());
    }
    await talking.finish();
    // The first half fills caches, pools and histories.
    const half = samples.slice(samples.length >> 1);
    const [third, last] = [half.slice(0, half.length >> 1), half.slice(half.length >> 1)];
    const memory = [third, last].map((part) => median(part.map((one) => one.megabytes))) as [number, number];
    const handles = [third, last].map((part) => Math.max(...part.map((one) => one.handles))) as [
      number,
      number,
    ];
    const p99 = median(samples.map((one) => one.p99));
    const said = load.talks.flatMap((talk) => talk.sent).length;
    process.stdout.write(
      `${said} messages in ${SECONDS} s: memory ${memory.map(Math.round).join(' → ')} MB, handles at most ${handles.join(' → ')}, event loop p99 ${(p99 * 1000).toFixed(1)} ms\n`,
    );
    expect(said).toBeGreaterThan(SECONDS);
    expect(handles[1]).toBeLessThanOrEqual(handles[0] + 16);
    expect(memory[1]).toBeLessThan(memory[0] * (isLong ? 1.1 : 1.5));
    expect(p99).toBeGreaterThan(0);
    if (isLong) expect(p99).toBeLessThan(0.05);
  },
  SECONDS * 1_000 + 60_000,
);
