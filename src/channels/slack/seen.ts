/**
 * How far each conversation and thread was taken: from there on it is read back after a gap (F18). It never moves past
 * a message that is not stored, whatever was stored after it (P1).
 */
import { z } from 'zod';
import { errorMessage } from '../../domain/errors.ts';
import type { KeyValue } from '../../domain/feed.ts';
import type { Logger } from '../../domain/runtime.ts';

export type Place = { readonly channel: string; readonly thread: string | null };
export type Position = Place & { readonly ts: string };

type Taken = Place & {
  /** The latest message that is stored. */
  readonly last: string;
  /** Those before or after it that are not. */
  readonly open: Set<string>;
};

export type Seen = {
  /** What an earlier process wrote down. Never throws. */
  open(): Promise<void>;
  /** This message came. Until it is stored, or the place was read back, the place is taken no further than before it. */
  begin(place: Place, ts: string): void;
  /** It is stored. */
  note(place: Place, ts: string): void;
  /** The place is being read from where it stands; the result is to be called when that has come to its end. */
  reading(place: Place): () => void;
  /** How far each was taken, the latest first. */
  list(): readonly Position[];
  /** Those of them in which a message is missing. */
  lacking(): readonly Position[];
  /** Never throws. */
  flush(): Promise<void>;
};

/** What is lost of it by a crash is read back once more, and dropped as known. */
const FLUSH_AFTER_MS = 500;
/** About sixty bytes each. */
const MAX_PLACES = 500;
/** Of one place; where so many are open, all of them stay so until it is read back. */
const MAX_OPEN = 1_000;
const KEY = 'seen';

const stored = z.array(z.tuple([z.string(), z.string().nullable(), z.string()]));

const earlier = (one: string, other: string): string => (Number(one) < Number(other) ? one : other);
const later = (one: string, other: string): string => (Number(one) < Number(other) ? other : one);
/** Slack counts microseconds. */
const justBefore = (ts: string): string => (Number(ts) - 0.000_001).toFixed(6);

const positionOf = ({ channel, thread, last, open }: Taken): Position => {
  const ts = open.size === 0 ? last : earlier(last, justBefore([...open].reduce(earlier)));
  return { channel, thread, ts };
};

export function createSeen({ state, log }: { state: KeyValue; log: Logger }): Seen {
  const places = new Map<string, Taken>();
  let timer: NodeJS.Timeout | undefined;

  const nameOf = ({ channel, thread }: Place): string => `${channel} ${thread ?? ''}`;

  function put({ channel, thread }: Place, ts: string): Taken {
    const name = nameOf({ channel, thread });
    const before = places.get(name);
    const taken: Taken = {
      channel,
      thread,
      last: later(before?.last ?? ts, ts),
      open: before?.open ?? new Set(),
    };
    places.delete(name);
    places.set(name, taken);
    const [oldest] = places.keys();
    if (places.size > MAX_PLACES && oldest !== undefined) places.delete(oldest);
    return taken;
  }

  function flushSoon(): void {
    timer ??= setTimeout(() => void flush(), FLUSH_AFTER_MS);
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    try {
      const rows = [...places.values()]
        .map(positionOf)
        .map(({ channel, thread, ts }) => [channel, thread, ts]);
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
      const { open } = put(place, ts);
      if (open.size < MAX_OPEN) open.delete(ts);
      flushSoon();
    },
    begin(place, ts) {
      // Where nothing was seen before, it is the first to be missing.
      const { open } = put(place, places.get(nameOf(place))?.last ?? justBefore(ts));
      if (open.size < MAX_OPEN) open.add(ts);
      flushSoon();
    },
    reading(place) {
      const open = places.get(nameOf(place))?.open ?? new Set();
      const before = [...open];
      return () => {
        for (const ts of before) open.delete(ts);
        flushSoon();
      };
    },
    list: () => [...places.values()].map(positionOf).toReversed(),
    lacking: () => [...places.values()].filter(({ open }) => open.size > 0).map(positionOf),
    flush,
  };
}
