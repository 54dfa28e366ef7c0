/** Small durable values, by namespace: what a channel has to remember. */
import type { Insertable } from 'kysely';
import type { KeyValue } from '../domain/feed.ts';
import type { Database } from './database.ts';
import { prepared } from './prepared.ts';
import { fromText } from './rows.ts';
import type { Schema } from './schema.ts';

const readValue = prepared((db, of: { namespace: string; key: string }) =>
  db.selectFrom('kv').select('value').where('namespace', '=', of.namespace).where('key', '=', of.key),
);
const setValue = prepared((db, of: Insertable<Schema['kv']>) =>
  db
    .insertInto('kv')
    .values(of)
    .onConflict((conflict) =>
      conflict.columns(['namespace', 'key']).doUpdateSet((row) => ({ value: row.ref('excluded.value') })),
    ),
);

export function createKeyValue(database: Database, namespace: string): KeyValue {
  return {
    async get(key) {
      const { rows } = await database.read((db) => readValue(db, { namespace, key }));
      return fromText(rows[0]?.value ?? null) ?? undefined;
    },
    set: (key, value, isPatient) =>
      database.write(async (tx) => {
        await setValue(tx.db, { namespace, key, value: JSON.stringify(value) });
      }, isPatient),
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
