/** Follows the feed: each change reaches `deliver` once, in order, whoever made it and on whichever replica. */
import { errorMessage } from '../../domain/errors.ts';
import type { Feed, Post } from '../../domain/feed.ts';
import type { Logger } from '../../domain/runtime.ts';

export type FeedTail = {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves when everything committed before the call is delivered. Never rejects. */
  pull(): Promise<void>;
  /** The last revision delivered. */
  cursor(): number;
};

const PAGE = 200;
/** A failed read is tried again after this long; the next change of the feed does it sooner. */
const RETRY_MS = 1_000;

export function createFeedTail(deps: {
  feed: Feed;
  deliver: (post: Post) => Promise<void>;
  log: Logger;
}): FeedTail {
  const { feed, deliver, log } = deps;
  let cursor = 0;
  let running: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let unsubscribe: (() => void) | undefined;

  async function drain(): Promise<void> {
    queued = undefined;
    try {
      for (;;) {
        const posts = await feed.changes(cursor, PAGE);
        for (const post of posts) {
          await deliver(post);
          cursor = post.revision;
        }
        if (posts.length < PAGE) return;
      }
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'reading the web feed failed; it is tried again');
      clearTimeout(retry);
      if (unsubscribe !== undefined) retry = setTimeout(() => void pull(), RETRY_MS);
    }
  }

  function pull(): Promise<void> {
    if (queued === undefined) {
      queued = running.then(drain);
      running = queued;
    }
    return queued;
  }

  return {
    async start() {
      cursor = await feed.revision();
      unsubscribe = feed.onChange(() => void pull());
    },
    async stop() {
      unsubscribe?.();
      unsubscribe = undefined;
      clearTimeout(retry);
      await running;
    },
    pull,
    cursor: () => cursor,
  };
}
