/** Counters of what the models used: one row a day, person, conversation, role and model. */

import type { Insertable } from 'kysely';
import type { ModelRole } from '../domain/event.ts';
import type { UsageDelta, UsageStore } from '../domain/usage.ts';
import type { Database, Tx } from './database.ts';
import { prepared } from './prepared.ts';
import type { UsageTable } from './schema.ts';

export async function addUsage(tx: Tx, deltas: readonly UsageDelta[]): Promise<void> {
  for (const delta of deltas) {
    await add(tx.db, {
      day: delta.day,
      user_id: delta.user,
      conversation: delta.conversation,
      role: delta.role,
      model: delta.model,
      calls: 1,
      prompt_tokens: delta.promptTokens,
      completion_tokens: delta.completionTokens,
      cost: delta.cost,
    });
  }
}

const add = prepared((db, of: Insertable<UsageTable>) =>
  db
    .insertInto('usage')
    .values(of)
    .onConflict((conflict) =>
      conflict.columns(['day', 'user_id', 'conversation', 'role', 'model']).doUpdateSet((row) => ({
        calls: row('usage.calls', '+', row.ref('excluded.calls')),
        prompt_tokens: row('usage.prompt_tokens', '+', row.ref('excluded.prompt_tokens')),
        completion_tokens: row('usage.completion_tokens', '+', row.ref('excluded.completion_tokens')),
        cost: row('usage.cost', '+', row.ref('excluded.cost')),
      })),
    ),
);

export function createUsage(database: Database): UsageStore {
  return {
    add: (deltas) => database.write((tx) => addUsage(tx, deltas)),
    async query({ since, user, conversation }) {
      const rows = await database.read((db) =>
        db
          .selectFrom('usage')
          .selectAll()
          .$if(since !== undefined, (query) => query.where('day', '>=', since ?? ''))
          .$if(user !== undefined, (query) => query.where('user_id', '=', user ?? ''))
          .$if(conversation !== undefined, (query) => query.where('conversation', '=', conversation ?? ''))
          .orderBy('day')
          .orderBy('user_id')
          .orderBy('conversation')
          .orderBy('role')
          .orderBy('model')
          .execute(),
      );
      return rows.map((row) => ({
        day: row.day,
        user: row.user_id,
        conversation: row.conversation,
        role: row.role as ModelRole,
        model: row.model,
        calls: row.calls,
        promptTokens: row.prompt_tokens,
        completionTokens: row.completion_tokens,
        cost: row.cost,
      }));
    },
    async total(day) {
      const row = await database.read((db) =>
        db
          .selectFrom('usage')
          .select((of) => [
            of.fn.sum<number | null>(of('prompt_tokens', '+', of.ref('completion_tokens'))).as('tokens'),
            of.fn.sum<number | null>('cost').as('cost'),
          ])
          .where('day', '=', day)
          .executeTakeFirst(),
      );
      return { tokens: row?.tokens ?? 0, cost: row?.cost ?? 0 };
    },
  };
}
