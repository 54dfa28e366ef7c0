/** A closed loop: so many people who each write, wait for the answer, and write again, for a bounded time. */
import type { Platform } from './platforms.ts';
import { markOf, readMark } from './platforms.ts';
import type { Subject } from './subject.ts';

export type LoadResult = {
  readonly messages: number;
  readonly perSecond: number;
  readonly cpuPerMessage: number;
  /** From a message to its whole answer, milliseconds. */
  readonly latencies: readonly number[];
  readonly commitsPerMessage: number;
  readonly loopDelayP99Ms: number;
  readonly residentMb: number;
};

/** Nobody waits for an answer longer than this; then the run is void. */
const STUCK_MS = 30_000;
/** Messages under way while a crowd writes once each. */
const AT_ONCE = 100;
const LOOK_MS = 10;
let nextMark = 0;

export async function runLoad(options: {
  readonly platform: Platform;
  readonly subject: Subject;
  readonly sessions: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** What else has to be over before the load ends. */
  readonly until?: Promise<void>;
}): Promise<LoadResult> {
  const { platform, subject, sessions } = options;
  const sent = new Map<number, { readonly count: number; readonly at: number }>();
  let latencies: number[] = [];
  let shownAt = 0;
  let isOver = false;
  let onIdle = (): void => {};

  const say = (session: number): void => {
    nextMark += 1;
    sent.set(session, { count: nextMark, at: performance.now() });
    platform.say(session, `What do you make of this? ${markOf(session, nextMark)}`);
  };
  platform.onShown = (text) => {
    const mark = readMark(text);
    const waiting = mark === undefined ? undefined : sent.get(mark.session);
    if (mark === undefined || waiting?.count !== mark.count) return;
    shownAt = performance.now();
    latencies.push(shownAt - waiting.at);
    sent.delete(mark.session);
    if (!isOver) setImmediate(say, mark.session);
    else if (sent.size === 0) onIdle();
  };

  /** The end of the next burst: what comes in bursts is measured from the end of one to the end of another. */
  const lull = async (ms: number): Promise<void> => {
    const from = performance.now();
    while (performance.now() < from + STUCK_MS) {
      await pause(LOOK_MS);
      if (shownAt > from && performance.now() - shownAt >= ms) return;
    }
  };

  for (let session = 0; session < sessions; session++) say(session);
  await pause(options.warmUpMs);
  if (platform.lullMs !== undefined) await lull(platform.lullMs);
  await subject.metric('nodejs_eventloop_lag_p99_seconds');
  const commits = await subject.metric('parley_store_commits_total');
  latencies = [];
  const cpu = subject.cpuMs();
  const startedAt = performance.now();
  await pause(options.measureMs);
  if (platform.lullMs !== undefined) await lull(platform.lullMs);
  const took = performance.now() - startedAt;
  const used = subject.cpuMs() - cpu;
  // What is answered from now on is not of the time that was measured.
  const measured = latencies;
  latencies = [];
  const loopDelayP99Ms = 1000 * (await subject.metric('nodejs_eventloop_lag_p99_seconds'));
  const committed = (await subject.metric('parley_store_commits_total')) - commits;
  const residentMb = subject.residentMb();
  await options.until;
  isOver = true;
  await new Promise<void>((resolve, reject) => {
    if (sent.size === 0) return resolve();
    const timer = setTimeout(() => reject(new Error(`${sent.size} messages got no answer`)), STUCK_MS);
    onIdle = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  const messages = measured.length;
  return {
    messages,
    perSecond: (1000 * messages) / took,
    cpuPerMessage: used / messages,
    latencies: measured,
    commitsPerMessage: committed / messages,
    loopDelayP99Ms,
    residentMb,
  };
}

/** One message of each session from the one number to before the other, a few at a time. */
export async function runEach(options: {
  readonly platform: Platform;
  readonly from: number;
  readonly to: number;
}): Promise<void> {
  const { platform, from, to } = options;
  if (from >= to) return;
  let next = from;
  let done = from;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const say = (): void => {
    if (next >= to) return;
    platform.say(next, `What do you make of this? ${markOf(next, 0)}`);
    next += 1;
  };
  const timer = setTimeout(
    () => reject(new Error(`${to - done} messages got no answer`)),
    (to - from) * 100 + STUCK_MS,
  );
  const seen = new Set<number>();
  platform.onShown = (text) => {
    const session = readMark(text)?.session;
    if (session === undefined || session < from || seen.has(session)) return;
    seen.add(session);
    done += 1;
    if (done === to) resolve();
    else setImmediate(say);
  };
  for (let count = 0; count < AT_ONCE; count++) say();
  await promise;
  clearTimeout(timer);
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
