/** Durable state that a channel may keep: a few values, and the messages of one that is its own platform. */
import type { UserId } from './message.ts';

/** A small durable key-value store of one channel: offsets, resume data, keys. Values up to 64 KiB. */
export type KeyValue = {
  get(key: string): Promise<string | undefined>;
  /** @param isPatient nobody waits for it: it may stay a moment, to be stored together with what comes next */
  set(key: string, value: string, isPatient?: boolean): Promise<void>;
  delete(key: string): Promise<void>;
  /** Sets it unless it is set already, and says whether it did: of several who try, on any replica, one is told so. */
  setOnce(key: string, value: string): Promise<boolean>;
  /** Deletes the keys from `first` up to, but not including, `end`. */
  deleteBetween(first: string, end: string): Promise<void>;
};

/** One message of a channel that is its own platform (the web chat): what a platform's server would keep. */
export type Post = {
  readonly id: string;
  readonly conversation: string;
  readonly thread: string | null;
  readonly author: string;
  readonly authorName: string;
  readonly createdAt: number;
  /** Grows over the whole feed with each change of any post: the cursor of a reader. */
  readonly revision: number;
  readonly deleted: boolean;
  readonly edited: boolean;
  /** Channel's own JSON. */
  readonly body: unknown;
};

export type NewPost = Pick<
  Post,
  'id' | 'conversation' | 'thread' | 'author' | 'authorName' | 'createdAt' | 'body'
>;

export type Conversation = {
  readonly id: string;
  readonly title: string;
  /** The one person who sees it; null: everyone who is signed in. */
  readonly owner: UserId | null;
  readonly createdAt: number;
  readonly lastPostAt: number;
};

/** The durable feed behind a channel that is its own platform. */
export type Feed = {
  createConversation(conversation: Omit<Conversation, 'lastPostAt'>): Promise<Conversation>;
  renameConversation(id: string, title: string): Promise<void>;
  /** Those of everyone and those of `user`, latest first. */
  conversations(user: UserId): Promise<Conversation[]>;
  conversation(id: string): Promise<Conversation | undefined>;
  /** Idempotent by id: a second call with the same id changes nothing and returns the stored post. */
  add(post: NewPost): Promise<Post>;
  post(id: string): Promise<Post | undefined>;
  /** Replaces the body (null keeps it). Returns undefined when there is no such post. */
  update(id: string, change: { body?: unknown; deleted?: boolean }): Promise<Post | undefined>;
  /** Posts of one conversation changed after `revision`, in revision order, at most `limit`. */
  since(conversation: string, revision: number, limit: number): Promise<Post[]>;
  /** The highest revision any reader can see; 0 while there is no post. */
  revision(): Promise<number>;
  /**
   * Posts of every conversation changed after `revision`, in revision order, at most `limit`. A revision becomes
   * visible only once every lower one is, so a reader that remembers the last one misses nothing.
   */
  changes(revision: number, limit: number): Promise<Post[]>;
  /**
   * The latest posts of a conversation, oldest first: of one thread (its root is not among them), of none
   * (`thread: null`), or of all (absent). `before` is a post id.
   */
  latest(
    conversation: string,
    options: { thread?: string | null; before?: string; limit: number },
  ): Promise<Post[]>;
  /** Calls back after any change, on any replica. Returns the way to stop. */
  onChange(listener: () => void): () => void;
};
