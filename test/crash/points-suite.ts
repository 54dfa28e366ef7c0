/**
 * One conversation (a message, an approval, a tool that must run once, an answer), killed at every commit it makes:
 * just before it and just after it. Each time the gateway is started again, the conversation is brought to its end,
 * and the promises P1 to P9 are checked.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../contract/store/postgres.ts';
import {
  type GatewayFolder,
  ROOT,
  type RunningGateway,
  type StartOptions,
  until,
} from '../e2e/support/gateway.ts';
import type { EventRow, TurnRow } from '../e2e/support/scenario.ts';
import { effectOf } from './script.ts';

const HOOK = join(import.meta.dirname, 'hook.ts');
/** Where the program keeps compiled code; from the first line on it serves the hook too. */
const COMPILED = join(ROOT, 'node_modules/.cache/parley');
const EFFECTS = 'data/workspace/effects';

/** A person at a platform, who tries again when nobody is there. */
export type Stage = {
  readonly folder: GatewayFolder;
  /** The one that is up, or was. */
  gateway(): RunningGateway;
  /** Starts another one, and finds it. */
  restart(): Promise<void>;
  /** Sends the question of a round. False: nobody was there, and nothing will bring it later. */
  ask(round: number): Promise<boolean>;
  /** Presses on the newest open card, if there is one: Deny when it says that the outcome is unknown. */
  press(): Promise<void>;
  /** How often the answer can be read. */
  answers(round: number): number;
  /** What follows the turns has come to its end too; by default nothing does. */
  isOver?(round: number): Promise<boolean>;
  close(): Promise<void>;
};

export type StageOptions = { readonly storeUrl: string; readonly start: StartOptions };

export type CrashCase = {
  readonly name: string;
  open(options: StageOptions): Promise<Stage>;
  /** Copies of the answer at most, after one crash. */
  readonly copies: number;
};

/** Runs at a time: the machine is busy starting gateways, and each waits a good deal. */
const AT_ONCE = 3;
const RUN_LIMIT_MS = 60_000;
/** Between looks into its database, which cost more than what is waited for. */
const LOOK_MS = 80;

/** A stage on which one conversation follows the other: a start is what costs most of all this. */
type Rounds = {
  /** One conversation, killed at a point if one is named, to its end, with all its promises. */
  play(point?: string): Promise<Result>;
  close(): Promise<void>;
};

type Result = { readonly died: boolean; readonly names: string[] };

async function openRounds(crash: CrashCase, storeUrl: string): Promise<Rounds> {
  const files = mkdtempSync(join(tmpdir(), 'parley-commits-'));
  const [list, choice] = [join(files, 'commits'), join(files, 'choice')];
  const choose = (point: string): void => writeFileSync(choice, point);
  choose('');
  const env = {
    NODE_OPTIONS: `--import=${HOOK}`,
    NODE_COMPILE_CACHE: COMPILED,
    CRASH_LIST: list,
    CRASH_AT: choice,
  };
  const stage = await crash.open({ storeUrl, start: { env } });
  let round = 0;
  return {
    async play(point = '') {
      round += 1;
      writeFileSync(list, '');
      choose(point);
      try {
        const died = await playRound(crash, stage, round, () => choose(''));
        choose('');
        await promises(crash, stage, round);
        return { died, names: readFileSync(list, 'utf8').split('\n').filter(Boolean) };
      } catch (error) {
        throw new Error(`number ${round}, killed ${point}`, { cause: error });
      }
    },
    async close() {
      await stage.close();
      rmSync(files, { recursive: true, force: true });
    },
  };
}

/** Resolves to whether it was killed; told so before it is started again, which must live. */
async function playRound(
  crash: CrashCase,
  stage: Stage,
  round: number,
  onDeath: () => void,
): Promise<boolean> {
  let died = false;
  let asked = false;
  await until(
    `the end of ${crash.name}`,
    async () => {
      if (await isDown(stage.gateway())) {
        died = true;
        onDeath();
        await stage.restart();
      }
      try {
        if (!asked) asked = await stage.ask(round);
        await stage.press();
      } catch {
        // Nobody was there to hear it; the next try finds the one that is started now.
        return false;
      }
      if (stage.answers(round) === 0) return false;
      await setTimeout(LOOK_MS);
      if (!(await isSettled(stage.folder))) return false;
      if ((await stage.isOver?.(round)) === false) return false;
      return !(await isDown(stage.gateway()));
    },
    RUN_LIMIT_MS,
  );
  return died;
}

const isDown = (gateway: RunningGateway): Promise<boolean> =>
  Promise.race([gateway.exited.then(() => true), setTimeout(20, false)]);

const turnsOf = (folder: GatewayFolder): Promise<TurnRow[]> => folder.json<TurnRow>('turns', '--json');

const isSettled = async (folder: GatewayFolder): Promise<boolean> =>
  (await turnsOf(folder).catch(() => [])).every((turn) => turn.status === 'done');

async function promises(crash: CrashCase, stage: Stage, round: number): Promise<void> {
  const { folder } = stage;
  const turns = await turnsOf(folder);
  // P1, P2: each was accepted, once.
  expect(turns.map((turn) => turn.status)).toEqual(Array.from({ length: round }, () => 'done'));
  const events = await folder.json<EventRow>('events', turns[0]?.id ?? '', '--json');
  // P4: no step has two results.
  const finished = events.filter((event) => event.type === 'tool.finished').map((event) => event.index);
  expect(new Set(finished).size).toBe(finished.length);
  // P6, P7: it ran once, after a yes, and where nobody can know, somebody was asked.
  const effects = effectsIn(folder);
  expect(effects).toEqual([...new Set(effects)]);
  const ran = effects.includes(effectOf(round)) ? 1 : 0;
  const yes = events.filter(
    (event) => event.type === 'approval.resolved' && event.decision === 'once',
  ).length;
  expect(yes).toBeGreaterThanOrEqual(ran);
  if (ran === 0) expect(events.some((event) => event.type === 'tool.interrupted')).toBe(true);
  // P5: said, and not more often than the platform makes unavoidable; what was said before is not said again.
  for (let each = 1; each <= round; each++) {
    expect(stage.answers(each)).toBeGreaterThan(0);
    expect(stage.answers(each)).toBeLessThanOrEqual(crash.copies);
  }
  // P9: the log rebuilds the state, and nobody has touched it.
  expect(await folder.look('audit', 'verify')).toMatchObject({ code: 0 });
}

function effectsIn(folder: GatewayFolder): string[] {
  try {
    return readFileSync(join(folder.path, EFFECTS), 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/**
 * Just after a commit is the same as just before the next one, but for what the world hears in between: a tool that
 * starts, a platform that is told. CRASH_ALL=1 kills at both sides of every commit.
 */
const HEARD = /update outbox|tool\.started|approval\.resolved|turn\.finished|turn\.started/;
const isThorough = process.env.CRASH_ALL === '1';

const pointsAt = (name: string): string[] =>
  isThorough || HEARD.test(name) ? [`before:${name}`, `after:${name}`] : [`before:${name}`];

/** On both stores. */
export async function crashPoints(crash: CrashCase): Promise<void> {
  const postgres = await startPostgres();
  afterAll(() => postgres.stop());
  crashPointsOn(crash, 'SQLite', async () => 'sqlite:data/parley.db');
  crashPointsOn(crash, 'PostgreSQL', () => postgres.createDatabase());
}

function crashPointsOn(crash: CrashCase, store: string, createStore: () => Promise<string>): void {
  describe(`killed at every commit: ${crash.name}, ${store}`, () => {
    it('P1 to P9, F1 to F8: keeps every promise', { timeout: 600_000 }, async ({ onTestFinished }) => {
      const open = async (): Promise<Rounds> => {
        const rounds = await openRounds(crash, await createStore());
        onTestFinished(() => rounds.close());
        return rounds;
      };
      const first = open();
      const { names } = await (await first).play();
      const points = [...new Set(names)].flatMap(pointsAt);
      // The journal of a turn, and what is written beside it.
      for (const part of [
        'turn.started',
        'model.responded',
        'tool.started',
        'insert output_pieces',
        'approval.resolved',
        'turn.finished',
      ])
        expect(points.some((point) => point.includes(part))).toBe(true);
      expect(points).toContain('before:model.called');
      const left = [...points];
      const missed: string[] = [];
      const work = async (opened: Promise<Rounds>): Promise<void> => {
        const rounds = await opened;
        for (let point = left.shift(); point !== undefined; point = left.shift())
          if (!(await rounds.play(point)).died) missed.push(point);
      };
      const others = Array.from({ length: AT_ONCE - 1 }, open);
      // Nothing is closed under one that is still at work.
      const ends = await Promise.allSettled([first, ...others].map(work));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
      // A commit that is shared with another one in one run may be made alone in the next.
      expect(missed.length).toBeLessThan(points.length / 3);
    });
  });
}
