/** Small durable values, by namespace: what a channel has to remember. */
import type { KeyValue } from '../domain/feed.ts';
import type { Database } from './database.ts';
import { prepared } from './prepared.ts';
import { fromText } from './rows.ts';

const readValue = prepared((db, of: { namespace: string; key: string }) =>
  db.selectFrom('kv').select('value').where('namespace', '=', of.namespace).where('key', '=', of.key),
);

export function createKeyValue(database: Database, namespace: string): KeyValue {
  return {
    async get(key) {
      const { rows } = await database.read((db) => readValue(db, { namespace, key }));
      return fromText(rows[0]?.value ?? null) ?? undefined;
    },
    set: (key, value) =>
      database.write(async (tx) => {
        await tx.db
          .insertInto('kv')
          .values({ namespace, key, value: JSON.stringify(value) })
          .onConflict((conflict) =>
            conflict
              .columns(['namespace', 'key'])
              .doUpdateSet((row) => ({ value: row.ref('excluded.value') })),
          )
          .execute();
      }),
    delete: (key) =>
      database.write(async (tx) => {
        await tx.db.deleteFrom('kv').where('namespace', '=', namespace).where('key', '=', key).execute();
      }),
    setOnce: (key, value) =>
      database.write(async (tx) => {
        const added = await tx.db
          .insertInto('kv')
          .values({ namespace, key, value: JSON.stringify(value) })
          .onConflict((conflict) => conflict.columns(['namespace', 'key']).doNothing())
          .returning('key')
          .execute();
        return added.length > 0;
      }),
    deleteBetween: (first, end) =>
      database.write(async (tx) => {
        await tx.db
          .deleteFrom('kv')
          .where('namespace', '=', namespace)
          .where('key', '>=', first)
          .where('key', '<', end)
          .execute();
      }),
  };
}
