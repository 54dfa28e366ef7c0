/** The last message taken in each conversation and thread: from there on it is read back after a gap (F18). */
import { z } from 'zod';
import { errorMessage } from '../../domain/errors.ts';
import type { KeyValue } from '../../domain/feed.ts';
import type { Logger } from '../../domain/runtime.ts';

export type Place = { readonly channel: string; readonly thread: string | null };

export type Seen = {
  /** What an earlier process wrote down. Never throws. */
  open(): Promise<void>;
  /** Everything up to this message is stored. */
  note(place: Place, ts: string): void;
  /** Latest first. */
  list(): readonly (Place & { readonly ts: string })[];
  /** Never throws. */
  flush(): Promise<void>;
};

/** What is lost of it by a crash is read back once more, and dropped as known. */
const FLUSH_AFTER_MS = 500;
/** About sixty bytes each. */
const MAX_PLACES = 500;
const KEY = 'seen';

const stored = z.array(z.tuple([z.string(), z.string().nullable(), z.string()]));

export function createSeen({ state, log }: { state: KeyValue; log: Logger }): Seen {
  const places = new Map<string, Place & { readonly ts: string }>();
  let timer: NodeJS.Timeout | undefined;

  function put(place: Place, ts: string): void {
    const name = `${place.channel} ${place.thread ?? ''}`;
    const before = places.get(name)?.ts;
    places.delete(name);
    places.set(name, {
      channel: place.channel,
      thread: place.thread,
      ts: before !== undefined && Number(before) > Number(ts) ? before : ts,
    });
    const [oldest] = places.keys();
    if (places.size > MAX_PLACES && oldest !== undefined) places.delete(oldest);
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    try {
      const rows = [...places.values()].map(({ channel, thread, ts }) => [channel, thread, ts]);
      await state.set(KEY, JSON.stringify(rows));
    } catch (error) {
      // What is stored is older, which is safe: more is read back.
      log.warn({ detail: errorMessage(error) }, 'cannot write down how far Slack was read');
    }
  }

  return {
    async open() {
      try {
        const text = await state.get(KEY);
        for (const [channel, thread, ts] of text === undefined ? [] : stored.parse(JSON.parse(text)))
          put({ channel, thread }, ts);
      } catch (error) {
        log.warn({ detail: errorMessage(error) }, 'cannot tell how far Slack was read');
      }
    },
    note(place, ts) {
      put(place, ts);
      timer ??= setTimeout(() => void flush(), FLUSH_AFTER_MS);
    },
    list: () => [...places.values()].toReversed(),
    flush,
  };
}
