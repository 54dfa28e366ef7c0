/**
 * One conversation (a message, an approval, a tool that must run once, an answer), killed at every commit it makes:
 * just before it and just after it. Each time the gateway is started again, the conversation is brought to its end,
 * and the promises P1 to P9 are checked.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../contract/store/postgres.ts';
import { type GatewayFolder, type RunningGateway, type StartOptions, until } from '../e2e/support/gateway.ts';
import type { EventRow, TurnRow } from '../e2e/support/scenario.ts';

const HOOK = join(import.meta.dirname, 'hook.ts');
const EFFECTS = 'data/workspace/effects';
/** Appends, so that a second run can be seen. */
export const COMMAND = 'echo ran >> effects';
export const QUESTION = 'please run it';
export const ANSWER = 'that is done';

/** A person at a platform, who tries again when nobody is there. */
export type Stage = {
  readonly folder: GatewayFolder;
  /** The one that is up, or was. */
  gateway(): RunningGateway;
  /** Starts another one, and finds it. */
  restart(): Promise<void>;
  /** Sends the question. False: nobody was there, and nothing will bring it later. */
  ask(): Promise<boolean>;
  /** Presses on the newest open card, if there is one: Deny when it says that the outcome is unknown. */
  press(): Promise<void>;
  /** How often the answer can be read. */
  answers(): number;
  /** What follows the turn has come to its end too; by default nothing does. */
  isOver?(): Promise<boolean>;
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

type Result = { readonly died: boolean; readonly names: string[] };

async function run(crash: CrashCase, storeUrl: string, at: string | null): Promise<Result> {
  const lists = mkdtempSync(join(tmpdir(), 'parley-commits-'));
  const listFile = join(lists, 'commits');
  const crashAt = at === null ? {} : { CRASH_AT: at };
  const env = { NODE_OPTIONS: `--import=${HOOK}`, CRASH_LIST: listFile, ...crashAt };
  const stage = await crash.open({ storeUrl, start: { env } });
  try {
    let died = false;
    let asked = false;
    await until(
      `the end of ${crash.name} at ${at ?? 'no point'}`,
      async () => {
        if (await isDown(stage.gateway())) {
          died = true;
          await stage.restart();
        }
        try {
          if (!asked) asked = await stage.ask();
          await stage.press();
        } catch {
          // Nobody was there to hear it; the next try finds the one that is started now.
          return false;
        }
        if (stage.answers() === 0) return false;
        await setTimeout(LOOK_MS);
        if (!(await isSettled(stage.folder))) return false;
        return (await stage.isOver?.()) ?? true;
      },
      RUN_LIMIT_MS,
    );
    await promises(crash, stage);
    return { died, names: readFileSync(listFile, 'utf8').split('\n').filter(Boolean) };
  } finally {
    await stage.close();
    rmSync(lists, { recursive: true, force: true });
  }
}

const isDown = (gateway: RunningGateway): Promise<boolean> =>
  Promise.race([gateway.exited.then(() => true), setTimeout(20, false)]);

const turnsOf = (folder: GatewayFolder): Promise<TurnRow[]> => folder.json<TurnRow>('turns', '--json');

const isSettled = async (folder: GatewayFolder): Promise<boolean> =>
  (await turnsOf(folder).catch(() => [])).every((turn) => turn.status === 'done');

async function promises(crash: CrashCase, stage: Stage): Promise<void> {
  const { folder } = stage;
  const turns = await turnsOf(folder);
  // P1, P2: it was accepted, once.
  expect(turns.map((turn) => turn.status)).toEqual(['done']);
  const events = await folder.json<EventRow>('events', turns[0]?.id ?? '', '--json');
  // P4: no step has two results.
  const finished = events.filter((event) => event.type === 'tool.finished').map((event) => event.index);
  expect(new Set(finished).size).toBe(finished.length);
  // P6, P7: it ran once, after a yes, and where nobody can know, somebody was asked.
  const ran = effects(folder);
  expect(ran).toBeLessThanOrEqual(1);
  const yes = events.filter(
    (event) => event.type === 'approval.resolved' && event.decision === 'once',
  ).length;
  expect(yes).toBeGreaterThanOrEqual(ran);
  if (ran === 0) expect(events.some((event) => event.type === 'tool.interrupted')).toBe(true);
  // P5: said, and not more often than the platform makes unavoidable.
  expect(stage.answers()).toBeGreaterThan(0);
  expect(stage.answers()).toBeLessThanOrEqual(crash.copies);
  // P9: the log rebuilds the state, and nobody has touched it.
  expect(await folder.look('audit', 'verify')).toMatchObject({ code: 0 });
}

function effects(folder: GatewayFolder): number {
  try {
    return readFileSync(join(folder.path, EFFECTS), 'utf8').split('\n').filter(Boolean).length;
  } catch {
    return 0;
  }
}

/**
 * Just after a commit is the same as just before the next one, but for what the world hears in between: a tool that
 * starts, a platform that is told. CRASH_ALL=1 kills at both sides of every commit.
 */
const HEARD = /tool\.started|approval\.resolved|turn\.finished|turn\.started/;
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
    it('P1 to P9, F1 to F8: keeps every promise', { timeout: 600_000 }, async () => {
      const { names } = await run(crash, await createStore(), null);
      const points = [...new Set(names)].flatMap(pointsAt);
      // The journal of a turn, and what is written beside it.
      for (const part of [
        'turn.started',
        'model.responded',
        'tool.started',
        'approval.resolved',
        'turn.finished',
      ])
        expect(points.some((point) => point.includes(part))).toBe(true);
      const left = [...points];
      const missed: string[] = [];
      const work = async (): Promise<void> => {
        for (let point = left.shift(); point !== undefined; point = left.shift()) {
          const { died } = await run(crash, await createStore(), point).catch((error: unknown) => {
            throw new Error(`killed ${point}`, { cause: error });
          });
          if (!died) missed.push(point);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      // A commit that is shared with another one in one run may be made alone in the next.
      expect(missed.length).toBeLessThan(points.length / 3);
    });
  });
}
