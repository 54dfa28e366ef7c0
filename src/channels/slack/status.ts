/** "… is thinking" under the thread, and the native Stop button of agent sessions, where the app may use them. */
import { AppError } from '../../domain/errors.ts';
import type { ConversationRef } from '../../domain/message.ts';
import type { Clock } from '../../domain/runtime.ts';
import type { Abilities } from './live-message.ts';
import type { Call } from './outbound.ts';

/** Slack lets the line lapse after two minutes. */
const REPEAT_MS = 60_000;
const MAX_PLACES = 1_000;

export type Status = {
  begin(where: ConversationRef): void;
  /** Never throws. */
  typing(where: ConversationRef): Promise<void>;
  /** Never throws. */
  end(where: ConversationRef): Promise<void>;
};

export function createStatus(deps: { call: Call; abilities: Abilities; clock: Clock }): Status {
  const { call, abilities, clock } = deps;
  const shownAt = new Map<string, number>();
  const nameOf = (where: ConversationRef): string => `${where.conversation}:${where.thread}`;

  /** A refusal is for good: the app lacks the scope or the feature. */
  async function attempt(ability: 'status' | 'session', work: () => Promise<unknown>): Promise<void> {
    if (!abilities[ability]) return;
    try {
      await work();
    } catch (error) {
      if (error instanceof AppError && error.code === 'channel.rejected') abilities[ability] = false;
    }
  }

  async function session(where: ConversationRef, status: 'processing' | 'active'): Promise<void> {
    const { conversation, thread } = where;
    if (thread === undefined) return;
    await attempt('session', () =>
      call('a session status', (client) =>
        client.agents.sessions.setStatus({ channel_id: conversation, thread_ts: thread, status }),
      ),
    );
  }

  return {
    begin(where) {
      if (shownAt.size >= MAX_PLACES) shownAt.clear();
      shownAt.delete(nameOf(where));
    },
    async typing(where) {
      const { conversation, thread } = where;
      const last = shownAt.get(nameOf(where));
      if (thread === undefined || (last !== undefined && clock.monotonic() - last < REPEAT_MS)) return;
      shownAt.set(nameOf(where), clock.monotonic());
      if (last === undefined) await session(where, 'processing');
      await attempt('status', () =>
        call('a status', (client) =>
          client.assistant.threads.setStatus({
            channel_id: conversation,
            thread_ts: thread,
            status: 'is thinking…',
          }),
        ),
      );
    },
    async end(where) {
      if (shownAt.delete(nameOf(where))) await session(where, 'active');
    },
  };
}
