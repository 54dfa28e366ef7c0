/**
 * Slack gives up on an event after some minutes. What was said while nobody listened is read from the conversations
 * and threads in which something was seen before, as far as the scopes allow (F18). Presses of buttons are gone;
 * people see that they failed.
 */
import { z } from 'zod';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import type { Call } from './outbound.ts';
import { isDirect } from './places.ts';
import type { Place, Position, Seen } from './seen.ts';

export type Backfill = {
  /** @param places the latest by default. Never throws. */
  run(places?: readonly Position[]): Promise<void>;
};

/** Places read after a gap, the latest seen first: Slack allows about fifty such calls a minute. */
const MAX_PLACES = 30;
/** Pages of one place: more is no conversation one can catch up with. */
const MAX_PAGES = 3;
const PAGE = 200;
/** Nobody waits any more for an answer to what is older. */
const MAX_AGE_S = 24 * 60 * 60;

const withTs = z.looseObject({ ts: z.string(), latest_reply: z.string().optional() });
type Message = z.output<typeof withTs>;

export function createBackfill(deps: {
  readonly call: Call;
  readonly seen: Seen;
  /** As if Slack had brought it. @throws when it could not be stored */
  readonly take: (body: unknown) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}): Backfill {
  const { call, seen, log } = deps;

  /** What was written after `ts`, oldest first. */
  async function after({ channel, thread }: Place, ts: string): Promise<Message[]> {
    const found: Message[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const options = { channel, oldest: ts, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) };
      const { messages = [], response_metadata: more } = await call(`the messages in ${channel}`, (client) =>
        thread === null
          ? client.conversations.history(options)
          : client.conversations.replies({ ...options, ts: thread }),
      );
      found.push(...messages.flatMap((raw) => withTs.safeParse(raw).data ?? []));
      cursor = more?.next_cursor || undefined;
      if (cursor === undefined) break;
    }
    if (cursor !== undefined) log.warn({ channel, read: found.length }, 'more was missed than is read back');
    // The message that a thread began with comes with it, however old.
    return found.filter((one) => Number(one.ts) > Number(ts)).sort((a, b) => Number(a.ts) - Number(b.ts));
  }

  async function read(place: Place, ts: string): Promise<number> {
    const { channel } = place;
    const isRead = seen.reading(place);
    const messages = await after(place, ts);
    let count = messages.length;
    for (const { thread_ts: thread, ...message } of messages) {
      const event = {
        ...message,
        // Here a message with answers names itself as its thread, which its event did not.
        ...(thread === message.ts ? {} : { thread_ts: thread }),
        type: 'message',
        channel,
        channel_type: isDirect(channel) ? 'im' : 'channel',
      };
      await deps.take({ type: 'event_callback', event });
      seen.note(place, message.ts);
      if (place.thread === null && message.latest_reply !== undefined)
        count += await read({ channel, thread: message.ts }, message.ts);
    }
    isRead();
    return count;
  }

  return {
    async run(places = seen.list()) {
      let messages = 0;
      for (const place of places.slice(0, MAX_PLACES)) {
        try {
          const since = Math.max(Number(place.ts), deps.clock.now() / 1000 - MAX_AGE_S);
          messages += await read(place, since === Number(place.ts) ? place.ts : since.toFixed(6));
        } catch (error) {
          const { channel } = place;
          log.warn(
            { channel, since: place.ts, detail: errorMessage(error) },
            'cannot read back what was missed',
          );
          // Asked to wait, or nothing can be stored: what is left would fare no better.
          if (error instanceof AppError && error.retryable) break;
        }
      }
      if (messages > 0) log.warn({ messages }, 'read back what Slack had not delivered');
    },
  };
}
