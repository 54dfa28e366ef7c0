/** Messages a second, processor time and latency: Parley and the floor in turns, A B B A, on one platform. */
import { type LoadResult, runLoad } from '../load.ts';
import { median, quantile } from '../machine.ts';
import { type BenchModel, startModel } from '../model.ts';
import { type Platform, type PlatformName, startPlatform } from '../platforms.ts';
import type { Row } from '../report.ts';
import { createFolder, type Subject, startFloor, startParley } from '../subject.ts';

type Scenario = { readonly sessions: number; readonly pace: 'instant' | 'streaming' };
/** One session comes last, when both programs are warm: what is asked is what each message costs, not the first. */
const SCENARIOS: readonly Scenario[] = [
  { sessions: 100, pace: 'instant' },
  { sessions: 100, pace: 'streaming' },
  { sessions: 1000, pace: 'streaming' },
  { sessions: 1, pace: 'instant' },
];
const WARM_UP_MS = 1_500;
/** Where answers come in bursts, one a second: one more or less must not matter, nor a first one that is late. */
const MANY_BURSTS = { warmUp: 2.5, measure: 2 };
/** Of the first request of the floor bot, beside its instructions. */
const FLOOR_PROMPT_BYTES = 209;

/** At least so many times the floor's messages a second, at most so many times its processor time. */
const GOALS: Readonly<Record<PlatformName, { readonly rate: number; readonly cpu: number }>> = {
  telegram: { rate: 1.2, cpu: 0.9 },
  slack: { rate: 1.0, cpu: 1.0 },
  discord: { rate: 0.9, cpu: 1.1 },
};

export type ThroughputOptions = {
  /** With processes started anew in each. */
  readonly rounds: number;
  /** Of each of the two, in each round and scenario. */
  readonly turns: number;
  readonly measureMs: number;
  readonly nodeArgs?: readonly string[];
  readonly memory?: boolean;
  readonly only?: 'parley' | 'floor';
  readonly sessions?: number;
};

const KINDS = ['parley', 'floor'] as const;
type Kind = (typeof KINDS)[number];
type Both<T> = { readonly parley: T; readonly floor: T };
type Stack = {
  readonly model: BenchModel;
  readonly platform: Platform;
  readonly subject: Subject;
  end(): Promise<void>;
};

export async function throughput(name: PlatformName, options: ThroughputOptions): Promise<Row[]> {
  const scenarios = SCENARIOS.filter(({ sessions }) => sessions === (options.sessions ?? sessions));
  const results = scenarios.map(() => ({ parley: [] as LoadResult[], floor: [] as LoadResult[] }));
  const prompts = { parley: 0, floor: 0 };
  for (let round = 0; round < options.rounds; round++) {
    const stacks = new Map<Kind, Stack>();
    try {
      // Two processes of the same program differ by a tenth for as long as they live, and the one that was started
      // last is a little ahead more often than not.
      for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
        if (options.only !== undefined && options.only !== kind) continue;
        // As long a prompt as Parley's, whose tools are described in it.
        const stack = await startStack(name, kind, options, Math.max(0, prompts.parley - FLOOR_PROMPT_BYTES));
        stacks.set(kind, stack);
        await runLoad({ ...stack, sessions: 1, warmUpMs: 0, measureMs: 500 });
        prompts[kind] = stack.model.firstPromptBytes();
      }
      for (const [index, { sessions, pace }] of scenarios.entries()) {
        for (let turn = 0; turn < options.turns; turn++) {
          // The machine is not as fast at one moment as at another: what is compared was measured side by side.
          for (const [kind, stack] of turn % 2 === 0 ? stacks : [...stacks].reverse()) {
            stack.model.pace = pace;
            const times =
              stack.platform.lullMs === undefined || sessions === 1 ? { warmUp: 1, measure: 1 } : MANY_BURSTS;
            const load = {
              ...stack,
              sessions,
              warmUpMs: times.warmUp * WARM_UP_MS,
              measureMs: times.measure * options.measureMs,
            };
            results[index]?.[kind].push(await runLoad(load));
          }
        }
      }
    } finally {
      for (const stack of stacks.values()) await stack.end();
    }
  }
  return scenarios.flatMap((scenario, index) => {
    const found = results[index] ?? { parley: [], floor: [] };
    return rowsOf(name, scenario, found, prompts);
  });
}

async function startStack(
  name: PlatformName,
  kind: Kind,
  options: ThroughputOptions,
  instructions: number,
): Promise<Stack> {
  const model = await startModel();
  const platform = await startPlatform(name);
  const folder = createFolder();
  const given = { platform, modelUrl: model.url };
  const subject =
    kind === 'parley'
      ? await startParley({ ...given, ...options, folder })
      : await startFloor({ ...given, instructions });
  return {
    model,
    platform,
    subject,
    async end() {
      await subject.end('SIGTERM');
      await platform.close();
      await model.close();
      folder.remove();
    },
  };
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
    ratio: median(pairs(results, (parley, floor) => of(parley) / of(floor))),
    ...(goal === undefined ? {} : { goal }),
  });
  const alone = (figure: string, of: (result: LoadResult) => number, goal?: Row['goal']): Row => {
    const { floor: _, ratio: __, ...rest } = row(figure, of, goal);
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

function added(part: string, results: Both<readonly LoadResult[]>): Row[] {
  const row = (share: number, value: number): Row => ({
    part,
    figure: `added latency p${share * 100} ms`,
    parley: median(
      pairs(results, (parley, floor) => quantile(parley.latencies, share) - quantile(floor.latencies, share)),
    ),
    goal: { of: 'parley', at: 'most', value },
  });
  return [row(0.5, 1.5), row(0.99, 4)];
}

/** Of what was measured one right after the other. */
const pairs = (
  { parley, floor }: Both<readonly LoadResult[]>,
  of: (parley: LoadResult, floor: LoadResult) => number,
): number[] =>
  parley.flatMap((one, index) => {
    const other = floor[index];
    return other === undefined ? [] : [of(one, other)];
  });
