/** A Feed and a KeyValue in memory, with the promises of the real ones: idempotent adds, one revision counter. */
import type { Conversation, Feed, KeyValue, Post } from '../../src/domain/feed.ts';

export function createMemoryFeed(): Feed {
  const conversations = new Map<string, Conversation>();
  const posts = new Map<string, Post>();
  const listeners = new Set<() => void>();
  let revision = 0;

  const changed = () => {
    for (const listener of listeners) listener();
  };
  const byRevision = (left: Post, right: Post) => left.revision - right.revision;

  return {
    async createConversation(conversation) {
      const stored = conversations.get(conversation.id) ?? {
        ...conversation,
        lastPostAt: conversation.createdAt,
      };
      conversations.set(conversation.id, stored);
      return stored;
    },
    async renameConversation(id, title) {
      const found = conversations.get(id);
      if (found !== undefined) conversations.set(id, { ...found, title });
    },
    async conversations(user) {
      const visible = [...conversations.values()].filter(({ owner }) => owner === null || owner === user);
      return visible.sort((left, right) => right.lastPostAt - left.lastPostAt);
    },
    conversation: async (id) => conversations.get(id),
    async add(post) {
      const known = posts.get(post.id);
      if (known !== undefined) return known;
      revision += 1;
      // Through JSON, as the real one stores it.
      const body: unknown = JSON.parse(JSON.stringify(post.body));
      const stored: Post = { ...post, body, revision, deleted: false, edited: false };
      posts.set(post.id, stored);
      const conversation = conversations.get(post.conversation);
      if (conversation !== undefined) {
        conversations.set(conversation.id, { ...conversation, lastPostAt: post.createdAt });
      }
      changed();
      return stored;
    },
    post: async (id) => posts.get(id),
    async update(id, change) {
      const known = posts.get(id);
      if (known === undefined) return undefined;
      revision += 1;
      const body =
        change.body === undefined ? {} : { body: JSON.parse(JSON.stringify(change.body)), edited: true };
      const stored: Post = { ...known, ...body, revision, deleted: change.deleted ?? known.deleted };
      posts.set(id, stored);
      changed();
      return stored;
    },
    async since(conversation, after, limit) {
      const found = [...posts.values()].filter(
        (post) => post.conversation === conversation && post.revision > after,
      );
      return found.sort(byRevision).slice(0, limit);
    },
    revision: async () => revision,
    async changes(after, limit) {
      const found = [...posts.values()].filter((post) => post.revision > after);
      return found.sort(byRevision).slice(0, limit);
    },
    async latest(conversation, { thread, before, limit }) {
      const all = [...posts.values()].filter(
        (post) => post.conversation === conversation && (thread === undefined || post.thread === thread),
      );
      const end = before === undefined ? all.length : all.findIndex((post) => post.id === before);
      return all.slice(Math.max(0, end - limit), end);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function createMemoryKeyValue(): KeyValue {
  const values = new Map<string, string>();
  return {
    get: async (key) => values.get(key),
    async set(key, value) {
      values.set(key, value);
    },
    async delete(key) {
      values.delete(key);
    },
    async setOnce(key, value) {
      const isNew = !values.has(key);
      if (isNew) values.set(key, value);
      return isNew;
    },
    async deleteBetween(first, end) {
      for (const key of values.keys()) if (key >= first && key < end) values.delete(key);
    },
  };
}
