/**
 * kill -9 at any moment, also while it starts, under the load of many conversations: P1 to P6 and P9 at the end.
 * `CRASH_KILLS=1000` makes it as long as patience allows.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoggedTurn, outOfOrder, readLedger, repeatedSteps } from './ledger.ts';
import { answerTo, isAnswer, type Load, startLoad } from './load.ts';

const KILLS = Number(process.env.CRASH_KILLS ?? 15);
/** Most kills fall into the catching up after the one before; now and then it gets down to quiet work. */
const LONGEST_LIFE_MS = 900;
const QUIET_LIFE_MS = 2_500;
/** A start takes about this long. */
const LONGEST_START_MS = 700;
const PER_KILL_MS = 6_000;

/** Killed while it starts, at a random moment; it may be ready by then. */
async function killWhileStarting(load: Load): Promise<void> {
  const seconds = (Math.random() * LONGEST_START_MS) / 1000;
  const started = load.folder.start({ prefix: `(sleep ${seconds.toFixed(3)}; kill -9 $$) &` });
  const gateway = await started.catch(() => undefined);
  await gateway?.exited;
}

describe(`${KILLS} kills under load`, () => {
  let load: Load;
  let turns: LoggedTurn[];
  const killedAt: number[] = [];

  beforeAll(
    async () => {
      load = await startLoad({ web: 4, telegram: 4 });
      const talking = load.begin();
      for (let i = 0; i < KILLS; i++) {
        const lifeMs = Math.random() * (i % 6 === 5 ? QUIET_LIFE_MS : LONGEST_LIFE_MS);
        await new Promise((resolve) => setTimeout(resolve, lifeMs));
        await load.gateway.kill();
        killedAt.push(Date.now());
        if (i % 5 === 4) {
          await killWhileStarting(load);
          killedAt.push(Date.now());
        }
        load.gateway = await load.folder.start();
        await load.owner.reconnect(load.gateway.url);
      }
      await talking.finish();
      turns = readLedger(load.folder.path);
    },
    60_000 + KILLS * PER_KILL_MS,
  );
  afterAll(() => load.close());

  it('P1, P2, F1, F2: every message that was taken has exactly one turn, and that turn ended', () => {
    const said = load.talks.flatMap((talk) =>
      talk.sent.map(({ messageId }) => `${talk.conversation} ${messageId}`),
    );
    expect(said.length).toBeGreaterThan(KILLS);
    expect(turns.map((turn) => `${turn.conversation} ${turn.messageId}`).toSorted()).toEqual(said.toSorted());
    expect(turns.filter((turn) => turn.status !== 'done')).toEqual([]);
    expect(turns.flatMap((turn) => turn.events.filter((one) => one.type === 'turn.finished'))).toHaveLength(
      said.length,
    );
  });

  it('P3: each conversation was worked on in its order, one message at a time', () => {
    expect(outOfOrder(turns)).toEqual([]);
    for (const talk of load.talks)
      expect(
        turns.filter((turn) => turn.conversation === talk.conversation).map((turn) => turn.messageId),
      ).toEqual(talk.sent.map((one) => one.messageId));
  });

  it('P4, P6, F4, F5: nothing that may happen only once happened twice, and what is said to have happened has', () => {
    expect(repeatedSteps(turns)).toEqual([]);
    const effects = load.effects();
    expect(effects.toSorted()).toEqual([...new Set(effects)].toSorted());
    const finished = turns.filter((turn) =>
      turn.events.some((event) => event.type === 'tool.finished' && 'ok' in event && event.ok === true),
    );
    expect(effects.length).toBeGreaterThanOrEqual(finished.length);
    expect(finished.length).toBeGreaterThan(0);
  });

  it('P5, F8: on the web chat each answer is there once', () => {
    const answers = load.owner.posts().filter((post) => post.kind === 'answer' && !post.deleted);
    for (const talk of load.talks.filter((one) => one.channel === 'web'))
      for (const { key } of talk.sent)
        expect(answers.filter((post) => post.html.join().includes(answerTo(key)))).toHaveLength(1);
  });

  it('P5, F8: on Telegram a second copy says that it may be one, and a crash makes at most one a conversation', () => {
    for (const talk of load.talks.filter((one) => one.channel === 'telegram')) {
      const own = load.telegram.state.shown.filter((one) => String(one.chat) === talk.conversation);
      for (const { key } of talk.sent) {
        const copies = own.filter((one) => isAnswer(one, key));
        expect(copies.filter((one) => !one.text.includes('may be a repeat')).length).toBeLessThanOrEqual(1);
      }
      const repeats = load.telegram.state.calls.filter(
        (call) =>
          String(call.payload.chat_id) === talk.conversation &&
          call.method === 'sendMessage' &&
          String(call.payload.text).includes('may be a repeat'),
      );
      const lives = repeats.map((call) => killedAt.filter((at) => at < call.at).length);
      expect(lives).toEqual([...new Set(lives)]);
    }
  });

  it('P9: the log of all of it is whole', async () => {
    expect(await load.folder.cli('audit', 'verify', '--config', 'parley.yaml')).toMatchObject({ code: 0 });
  });

  it('says how much that was', () => {
    const repeats = load.telegram.state.shown.filter((one) => one.text.includes('may be a repeat')).length;
    const unknown = turns.filter((turn) => turn.events.some((event) => event.type === 'tool.interrupted'));
    process.stdout.write(
      `${killedAt.length} kills, ${turns.length} turns, ${load.effects().length} effects, ${repeats} marked repeats, ${unknown.length} unknown outcomes\n`,
    );
    expect(killedAt.length).toBeGreaterThanOrEqual(KILLS);
  });
});
