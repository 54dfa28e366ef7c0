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
  /** A new reply begins: the next sign of life is shown whenever the last one was. */
  begin(where: ConversationRef): void;
  /** Never throws. */
  typing(where: ConversationRef): Promise<void>;
  /** Takes the sign back; nobody waits for that. */
  end(where: ConversationRef): void;
};

type Sign = { readonly at: number; readonly shown: Promise<void> };

export function createStatus(deps: { call: Call; abilities: Abilities; clock: Clock }): Status {
  const { call, abilities, clock } = deps;
  const signs = new Map<string, Sign>();
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

  const session = (channel: string, thread: string, status: 'processing' | 'active'): Promise<void> =>
    attempt('session', () =>
      call('a session status', (client) =>
        client.agents.sessions.setStatus({ channel_id: channel, thread_ts: thread, status }),
      ),
    );

  async function show(channel: string, thread: string, isFirst: boolean): Promise<void> {
    if (isFirst) await session(channel, thread, 'processing');
    await attempt('status', () =>
      call('a status', (client) =>
        client.assistant.threads.setStatus({
          channel_id: channel,
          thread_ts: thread,
          status: 'is thinking…',
        }),
      ),
    );
  }

  return {
    begin(where) {
      if (signs.size >= MAX_PLACES) signs.clear();
      signs.delete(nameOf(where));
    },
    async typing(where) {
      const { conversation, thread } = where;
      const last = signs.get(nameOf(where));
      if (thread === undefined || (last !== undefined && clock.monotonic() - last.at < REPEAT_MS)) return;
      const shown = show(conversation, thread, last === undefined);
      signs.set(nameOf(where), { at: clock.monotonic(), shown });
      await shown;
    },
    end(where) {
      const { conversation, thread } = where;
      const sign = signs.get(nameOf(where));
      signs.delete(nameOf(where));
      // After the sign itself: two calls at once may arrive in either order.
      if (sign !== undefined && thread !== undefined)
        void sign.shown.then(() => session(conversation, thread, 'active'));
    },
  };
}
