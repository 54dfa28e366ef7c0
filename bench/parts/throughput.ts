/** Messages a second, processor time and latency: Parley and the floor in turns, A B A B, on one platform. */
import { type LoadResult, runLoad } from '../load.ts';
import { median, quantile } from '../machine.ts';
import { startModel } from '../model.ts';
import { type PlatformName, startPlatform } from '../platforms.ts';
import type { Row } from '../report.ts';
import { createFolder, startFloor, startParley } from '../subject.ts';

type Scenario = { readonly sessions: number; readonly pace: 'instant' | 'streaming' };
/** One session comes last, when both programs are warm: what is asked is what each message costs, not the first. */
const SCENARIOS: readonly Scenario[] = [
  { sessions: 100, pace: 'instant' },
  { sessions: 100, pace: 'streaming' },
  { sessions: 1000, pace: 'streaming' },
  { sessions: 1, pace: 'instant' },
];
const WARM_UP_MS = 1_500;
/** Of the first request of the floor bot, beside its instructions. */
const FLOOR_PROMPT_BYTES = 209;

/** At least so many times the floor's messages a second, at most so many times its processor time. */
const GOALS: Readonly<Record<PlatformName, { readonly rate: number; readonly cpu: number }>> = {
  telegram: { rate: 1.2, cpu: 0.9 },
  slack: { rate: 1.0, cpu: 1.0 },
  discord: { rate: 0.9, cpu: 1.1 },
};

export type ThroughputOptions = {
  readonly rounds: number;
  readonly measureMs: number;
  readonly nodeArgs?: readonly string[];
  readonly memory?: boolean;
  readonly only?: 'parley' | 'floor';
  readonly sessions?: number;
};

type Both<T> = { readonly parley: T; readonly floor: T };

export async function throughput(name: PlatformName, options: ThroughputOptions): Promise<Row[]> {
  const scenarios = SCENARIOS.filter(({ sessions }) => sessions === (options.sessions ?? sessions));
  const results = scenarios.map(() => ({ parley: [] as LoadResult[], floor: [] as LoadResult[] }));
  const prompts = { parley: 0, floor: 0 };
  for (let round = 0; round < options.rounds; round++) {
    for (const kind of ['parley', 'floor'] as const) {
      if (options.only !== undefined && options.only !== kind) continue;
      const model = await startModel();
      const platform = await startPlatform(name);
      const folder = createFolder();
      const given = { platform, modelUrl: model.url };
      // As long a prompt as Parley's, whose tools are described in it.
      const instructions = Math.max(0, prompts.parley - FLOOR_PROMPT_BYTES);
      const subject =
        kind === 'parley'
          ? await startParley({ ...given, ...options, folder })
          : await startFloor({ ...given, instructions });
      try {
        await runLoad({ platform, subject, sessions: 1, warmUpMs: 0, measureMs: 500 });
        prompts[kind] = model.firstPromptBytes();
        for (const [index, { sessions, pace }] of scenarios.entries()) {
          model.pace = pace;
          const { measureMs } = options;
          const load = { platform, subject, sessions, warmUpMs: WARM_UP_MS, measureMs };
          results[index]?.[kind].push(await runLoad(load));
        }
      } finally {
        await subject.end('SIGTERM');
        await platform.close();
        await model.close();
        folder.remove();
      }
    }
  }
  return scenarios.flatMap((scenario, index) => {
    const found = results[index] ?? { parley: [], floor: [] };
    return rowsOf(name, scenario, found, prompts);
  });
}

function rowsOf(
  name: PlatformName,
  { sessions, pace }: Scenario,
  results: Both<readonly LoadResult[]>,
  prompts: Both<number>,
): Row[] {
  const part = `${name}, ${sessions} session${sessions === 1 ? '' : 's'}, ${pace}`;
  const row = (figure: string, of: (result: LoadResult) => number, goal?: Row['goal']): Row => ({
    part,
    figure,
    parley: median(results.parley.map(of)),
    floor: median(results.floor.map(of)),
    ...(goal === undefined ? {} : { goal }),
  });
  const alone = (figure: string, of: (result: LoadResult) => number, goal?: Row['goal']): Row => {
    const { floor: _, ...rest } = row(figure, of, goal);
    return rest;
  };
  const isGoal = pace === 'streaming';
  const rate = sessions === 1 ? 0.5 : isGoal ? GOALS[name].rate : undefined;
  const cpu = isGoal ? GOALS[name].cpu : undefined;
  const least = (value: number) => ({ of: 'ratio', at: 'least', value }) as const;
  const most = (value: number, of: 'parley' | 'ratio' = 'parley') => ({ of, at: 'most', value }) as const;
  const rows = [
    {
      ...row('messages/s', (one) => one.perSecond, rate === undefined ? undefined : least(rate)),
      note: `prompt ${prompts.parley} / ${prompts.floor} bytes`,
    },
    row('CPU ms/message', (one) => one.cpuPerMessage, cpu === undefined ? undefined : most(cpu, 'ratio')),
    row('latency p50 ms', (one) => quantile(one.latencies, 0.5)),
    row('latency p99 ms', (one) => quantile(one.latencies, 0.99)),
    row('resident MB', (one) => one.residentMb),
    alone('event-loop delay p99 ms', (one) => one.loopDelayP99Ms, most(50)),
    alone('commits/message', (one) => one.commitsPerMessage, sessions === 100 ? most(0.1) : undefined),
  ];
  return sessions === 1 ? [...rows, ...added(part, results)] : rows;
}

function added(part: string, { parley, floor }: Both<readonly LoadResult[]>): Row[] {
  const at = (results: readonly LoadResult[], share: number) =>
    median(results.map(({ latencies }) => quantile(latencies, share)));
  const row = (share: number, value: number): Row => ({
    part,
    figure: `added latency p${share * 100} ms`,
    parley: at(parley, share) - at(floor, share),
    goal: { of: 'parley', at: 'most', value },
  });
  return [row(0.5, 1.5), row(0.99, 4)];
}
