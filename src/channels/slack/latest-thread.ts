/** The thread of a channel that the bot was last called into: what a command outside of any thread is about. */

import { errorMessage } from '../../domain/errors.ts';
import type { KeyValue } from '../../domain/feed.ts';
import type { ConversationRef } from '../../domain/message.ts';
import type { Logger } from '../../domain/runtime.ts';

export type LatestThread = {
  of(where: ConversationRef): Promise<string | undefined>;
  note(where: ConversationRef): void;
};

const MAX_KEPT = 10_000;

export function createLatestThread({ state, log }: { state: KeyValue; log: Logger }): LatestThread {
  const known = new Map<string, string>();
  const keyOf = (where: ConversationRef): string => `thread:${where.account}:${where.conversation}`;

  return {
    async of(where) {
      return known.get(where.conversation) ?? state.get(keyOf(where));
    },
    note(where) {
      if (where.thread === undefined || known.get(where.conversation) === where.thread) return;
      if (known.size >= MAX_KEPT) known.clear();
      known.set(where.conversation, where.thread);
      state
        .set(keyOf(where), where.thread)
        .catch((error: unknown) =>
          log.warn({ detail: errorMessage(error) }, 'cannot remember the latest thread of a channel'),
        );
    },
  };
}
