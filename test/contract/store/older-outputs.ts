/** Outputs as a program wrote them that kept each in one row: what they are after the upgrade. */
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { Database } from '../../../src/store/database.ts';
import { migrations } from '../../../src/store/migrations/all.ts';
import type { Store } from '../../../src/store/store.ts';

/** The schema of the program before. */
export const beforePieces = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '0010'));

const older = [
  ['t1', 0, 'short\u0000 \u6f22'],
  ['t1', 1, `${'many lines \u{1f600}\n'.repeat(60_000)}the end`],
  ['t2', 0, 'of another turn'],
] as const;

export async function writeOlderOutputs(before: Database): Promise<void> {
  await before.write(async ({ db }) => {
    await sql`insert into sessions (key, place, direct, profile, created_at, last_turn_at, history_after, last_hash)
      values ('s', '{}', 0, 'p', 1, 1, 0, '')`.execute(db);
    for (const id of ['t1', 't2'])
      await sql`insert into turns (id, session, channel, account, conversation, message_id, user_id, profile,
        workspace, input, status, seq, head_hash, fence, cancel_requested, accepted_at)
        values (${id}, 's', 'web', 'a', 'c', ${id}, 'u', 'p', '/', '{}', 'done', 0, '', 0, 0, 1)`.execute(db);
    for (const [turn, index, text] of older)
      await sql`insert into outputs (turn_id, action_index, content)
        values (${turn}, ${index}, ${JSON.stringify(text)})`.execute(db);
  });
}

export async function expectOutputs(upgraded: Store): Promise<void> {
  for (const [turn, index, text] of older)
    expect(await upgraded.outputs.read(turn, index, { start: 0, length: 2 ** 30 })).toEqual({
      text,
      total: text.length,
    });
}
