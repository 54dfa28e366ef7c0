/** Conversations and posts of a channel that is its own platform, with one revision counter over all changes. */
import type { Selectable } from 'kysely';
import type { Conversation, Feed, Post } from '../domain/feed.ts';
import type { Database, Tx } from './database.ts';
import type { ConversationsTable, PostsTable } from './schema.ts';

export function createFeed(database: Database): Feed {
  const findConversation = (id: string) =>
    database.read((db) => db.selectFrom('conversations').selectAll().where('id', '=', id).executeTakeFirst());
  const findPost = (id: string) =>
    database.read((db) => db.selectFrom('posts').selectAll().where('id', '=', id).executeTakeFirst());

  return {
    createConversation: ({ id, title, owner, createdAt }) =>
      database.write(async (tx) => {
        const row = {
          id,
          title: JSON.stringify(title),
          owner,
          created_at: createdAt,
          last_post_at: createdAt,
        };
        await tx.db
          .insertInto('conversations')
          .values(row)
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute();
        tx.changed('feed');
        return toConversation(
          await tx.db.selectFrom('conversations').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
        );
      }),
    renameConversation: (id, title) =>
      database.write(async (tx) => {
        await tx.db
          .updateTable('conversations')
          .set({ title: JSON.stringify(title) })
          .where('id', '=', id)
          .execute();
        tx.changed('feed');
      }),
    async conversations(user) {
      const rows = await database.read((db) =>
        db
          .selectFrom('conversations')
          .selectAll()
          .where((of) => of.or([of('owner', 'is', null), of('owner', '=', user)]))
          .orderBy('last_post_at', 'desc')
          .orderBy('id')
          .execute(),
      );
      return rows.map(toConversation);
    },
    async conversation(id) {
      const row = await findConversation(id);
      return row && toConversation(row);
    },
    add: (post) =>
      database.write(async (tx) => {
        const known = await tx.db
          .selectFrom('posts')
          .selectAll()
          .where('id', '=', post.id)
          .executeTakeFirst();
        if (known !== undefined) return toPost(known);
        const revision = await nextRevision(tx);
        const row = await tx.db
          .insertInto('posts')
          .values({
            id: post.id,
            conversation: post.conversation,
            thread: post.thread,
            author: post.author,
            author_name: JSON.stringify(post.authorName),
            created_at: post.createdAt,
            revision,
            deleted: 0,
            edited: 0,
            body: JSON.stringify(post.body ?? null),
          })
          .returningAll()
          .executeTakeFirstOrThrow();
        await tx.db
          .updateTable('conversations')
          .set({ last_post_at: post.createdAt })
          .where('id', '=', post.conversation)
          .execute();
        tx.changed('feed');
        return toPost(row);
      }),
    async post(id) {
      const row = await findPost(id);
      return row && toPost(row);
    },
    update: (id, change) =>
      database.write(async (tx) => {
        const known = await tx.db.selectFrom('posts').select('id').where('id', '=', id).executeTakeFirst();
        if (known === undefined) return undefined;
        const replaced = change.body !== undefined && change.body !== null;
        const revision = await nextRevision(tx);
        const row = await tx.db
          .updateTable('posts')
          .set({
            revision,
            ...(replaced && { body: JSON.stringify(change.body), edited: 1 }),
            ...(change.deleted !== undefined && { deleted: change.deleted ? 1 : 0 }),
          })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow();
        tx.changed('feed');
        return toPost(row);
      }),
    async since(conversation, revision, limit) {
      const rows = await database.read((db) =>
        db
          .selectFrom('posts')
          .selectAll()
          .where('conversation', '=', conversation)
          .where('revision', '>', revision)
          .orderBy('revision')
          .limit(limit)
          .execute(),
      );
      return rows.map(toPost);
    },
    async revision() {
      const row = await database.read((db) =>
        db.selectFrom('counters').select('value').where('name', '=', 'feed').executeTakeFirst(),
      );
      return row?.value ?? 0;
    },
    async changes(revision, limit) {
      const rows = await database.read((db) =>
        db
          .selectFrom('posts')
          .selectAll()
          .where('revision', '>', revision)
          .orderBy('revision')
          .limit(limit)
          .execute(),
      );
      return rows.map(toPost);
    },
    async latest(conversation, { thread, before, limit }) {
      const rows = await database.read((db) =>
        db
          .selectFrom('posts')
          .selectAll()
          .where('conversation', '=', conversation)
          .$if(thread === null, (query) => query.where('thread', 'is', null))
          .$if(typeof thread === 'string', (query) => query.where('thread', '=', thread ?? ''))
          .$if(before !== undefined, (query) =>
            query.where('ordinal', '<', (of) =>
              of
                .selectFrom('posts')
                .select('ordinal')
                .where('id', '=', before ?? ''),
            ),
          )
          .orderBy('ordinal', 'desc')
          .limit(limit)
          .execute(),
      );
      return rows.reverse().map(toPost);
    },
    onChange: (listener) => database.onChange('feed', listener),
  };
}

/** The row of the counter is held until the commit, so revisions become visible in order and no reader skips one. */
async function nextRevision(tx: Tx): Promise<number> {
  const { value } = await tx.db
    .updateTable('counters')
    .set((of) => ({ value: of('value', '+', 1) }))
    .where('name', '=', 'feed')
    .returning('value')
    .executeTakeFirstOrThrow();
  return value;
}

const toConversation = (row: Selectable<ConversationsTable>): Conversation => ({
  id: row.id,
  title: JSON.parse(row.title),
  owner: row.owner,
  createdAt: row.created_at,
  lastPostAt: row.last_post_at,
});

const toPost = (row: Selectable<PostsTable>): Post => ({
  id: row.id,
  conversation: row.conversation,
  thread: row.thread,
  author: row.author,
  authorName: JSON.parse(row.author_name),
  createdAt: row.created_at,
  revision: row.revision,
  deleted: row.deleted === 1,
  edited: row.edited === 1,
  body: JSON.parse(row.body),
});
