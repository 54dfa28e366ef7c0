/**
 * After a session was lost Discord does not send again what was missed: it is read from the channels, from the last
 * message seen in each (F18). What happened to buttons meanwhile is gone; people see that they failed and press again.
 */
import { z } from 'zod';
import { errorMessage } from '../../domain/errors.ts';
import type { Logger } from '../../domain/runtime.ts';
import type { DiscordApi } from './api.ts';
import type { Intake } from './intake.ts';
import { isLater, type SessionKeeper } from './session.ts';

export type Backfill = {
  /** A new session has begun: reads what was missed in the channels known from before. Never throws. */
  run(): Promise<void>;
  /** Reads one channel that Discord says has news since then, if nothing was seen in it before. Never throws. */
  channel(raw: unknown): Promise<void>;
};

/** Channels read after a gap, the latest seen first. */
const MAX_CHANNELS = 200;
/** Pages of 100 messages of one channel: more is no conversation one can catch up with. */
const MAX_PAGES = 5;
const PAGE = 100;

const withLast = z.object({ id: z.string(), last_message_id: z.string() });
const withId = z.object({ id: z.string() });

export function createBackfill(deps: {
  readonly api: DiscordApi;
  readonly session: SessionKeeper;
  readonly intake: Pick<Intake, 'message'>;
  /** Whether the bot can (still) see a channel. */
  readonly look: (channel: string) => Promise<boolean>;
  readonly log: Logger;
}): Backfill {
  const { api, session, log } = deps;
  /** As it was when the gap was found; what arrives since then is no part of it. */
  let gap: { readonly since: string; readonly known: ReadonlySet<string> } | undefined;

  async function read(channel: string, after: string): Promise<number> {
    if (!(await deps.look(channel))) return 0;
    let from = after;
    let count = 0;
    for (let page = 0; page < MAX_PAGES; page++) {
      const messages = await api.messagesAfter(channel, from);
      for (const raw of messages) {
        await deps.intake.message(raw);
        const { data } = withId.safeParse(raw);
        if (data !== undefined && isLater(data.id, from)) from = data.id;
      }
      count += messages.length;
      if (messages.length < PAGE) return count;
    }
    log.warn({ channel, read: count }, 'more was missed in a Discord channel than is read back');
    return count;
  }

  async function attempt(channel: string, after: string): Promise<number> {
    try {
      return await read(channel, after);
    } catch (error) {
      log.warn({ channel, detail: errorMessage(error) }, 'cannot read back what was missed in a channel');
      return 0;
    }
  }

  return {
    async run() {
      const since = session.watermark();
      if (since === undefined) return;
      const seen = session.seen().slice(0, MAX_CHANNELS);
      gap = { since, known: new Set(seen.map(([channel]) => channel)) };
      let messages = 0;
      for (const [channel, after] of seen) messages += await attempt(channel, after);
      log.warn(
        { since, channels: seen.length, messages },
        'the Discord session was lost; read back what was missed',
      );
    },
    async channel(raw) {
      const { data } = withLast.safeParse(raw);
      if (data === undefined || gap === undefined || gap.known.has(data.id)) return;
      if (isLater(data.last_message_id, gap.since)) await attempt(data.id, gap.since);
    },
  };
}
