/** What a message costs with a thousand and with a million stored ones: the databases are generated. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { runLoad } from '../load.ts';
import { median } from '../machine.ts';
import { startModel } from '../model.ts';
import { startPlatform } from '../platforms.ts';
import type { Row } from '../report.ts';
import { createFolder, type Folder, startParley } from '../subject.ts';

const SMALL = 1_000;
const LARGE = 1_000_000;
const PER_SESSION = 20;
const WORDS = 'A message of ordinary length, as people write it, with a few words. '.repeat(2);

/** In turns, as the machine is not as fast at one moment as at another. */
const TURNS = 8;
const WARM_UP_MS = 1_500;

type Stack = { cost(): Promise<number>; end(): Promise<void> };

export async function scale({ measureMs }: { readonly measureMs: number }): Promise<Row[]> {
  const stacks: Stack[] = [];
  const costs: { small: number; large: number }[] = [];
  try {
    for (const stored of [SMALL, LARGE]) stacks.push(await startWith(stored, measureMs));
    for (let turn = -1; turn < TURNS; turn++) {
      const found: number[] = [];
      for (const index of turn % 2 === 0 ? [0, 1] : [1, 0]) found[index] = (await stacks[index]?.cost()) ?? 0;
      const [small = 0, large = 0] = found;
      // The first turn warms up.
      if (turn >= 0) costs.push({ small, large });
    }
  } finally {
    for (const stack of stacks) await stack.end();
  }
  const part = 'scale, telegram, 100 sessions, instant';
  const parley = median(costs.map(({ large }) => large));
  const floor = median(costs.map(({ small }) => small));
  return [
    { part, figure: `CPU ms/message, ${SMALL} stored`, parley: floor },
    { part, figure: `CPU ms/message, ${LARGE} stored`, parley },
    {
      part,
      figure: 'a million to a thousand',
      parley,
      floor,
      ratio: median(costs.map(({ small, large }) => large / small)),
      goal: { of: 'ratio', at: 'most', value: 1.1 },
    },
  ];
}

async function startWith(stored: number, measureMs: number): Promise<Stack> {
  const model = await startModel();
  model.pace = 'instant';
  const platform = await startPlatform('telegram');
  const folder = createFolder();
  const options = { platform, modelUrl: model.url, folder };
  // Once, for the schema.
  await (await startParley(options)).end('SIGTERM');
  fill(folder, stored);
  const subject = await startParley(options);
  const load = { platform, subject, sessions: 100, warmUpMs: WARM_UP_MS, measureMs };
  return {
    cost: async () => (await runLoad(load)).cpuPerMessage,
    async end() {
      await subject.end('SIGKILL');
      await platform.close();
      await model.close();
      folder.remove();
    },
  };
}

/** Ended turns with two events and a sent answer each, in sessions of twenty. */
function fill({ path }: Folder, count: number): void {
  const database = new Database(join(path, 'data/parley.db'));
  const numbers = 'with recursive n(i) as (select 1 union all select i + 1 from n where i < @count)';
  const session = `'gen/b/' || (i / ${PER_SESSION})`;
  const place = `json_object('channel', 'gen', 'account', 'b', 'conversation', 'c' || (i / ${PER_SESSION}))`;
  const input = `json_object('id', 'm' || i, 'at', i, 'where', json(${place}), 'author', json_object('id', 'gen:1', 'name', 'A', 'kind', 'person'), 'text', @words, 'direct', json('true'), 'mentionsBot', json('false'), 'attachments', json('[]'))`;
  const statements = [
    `${numbers} insert or ignore into sessions (key, place, direct, profile, created_at, last_turn_at, history_after, last_hash)
      select ${session}, ${place}, 1, 'default', i, i, 0, hex(randomblob(32)) from n where i % ${PER_SESSION} = 0 or i = 1`,
    `${numbers} insert into turns (id, session, channel, account, conversation, message_id, user_id, profile, workspace,
        input, status, seq, head_hash, fence, cancel_requested, accepted_at, started_at, ended_at, answer)
      select 'gen' || i, ${session}, 'gen', 'b', 'c' || (i / ${PER_SESSION}), 'm' || i, 'gen:1', 'default', '/srv',
        ${input}, 'done', 2, hex(randomblob(32)), 1, 0, i, i, i, json_quote(@words) from n`,
    `${numbers} insert into events (turn_id, seq, at, v, body, prev_hash, hash)
      select 'gen' || (i / 2 + 1), i % 2 + 1, i, 1, json_object('type', 'turn.started', 'text', @words),
        hex(randomblob(32)), hex(randomblob(32)) from n where i / 2 + 1 <= @count`,
    `${numbers} insert into outbox (key, turn_id, lane, place, message, status, attempts, refs, created_at, settled_at)
      select 'gen' || i || ':answer', 'gen' || i, ${session}, ${place}, json_object('kind', 'answer', 'text', @words),
        'sent', 1, '[]', i, i from n`,
  ];
  database.pragma('foreign_keys = off');
  database.pragma('synchronous = off');
  database.transaction(() => {
    for (const statement of statements) database.prepare(statement).run({ count, words: WORDS });
  })();
  database.pragma('wal_checkpoint(truncate)');
  database.close();
}
