/** One tab's stream of server-sent events: where it stands, what it missed, then everything as it happens. */
import type { Feed } from '../../domain/feed.ts';
import type { HttpRequest, HttpResponse } from '../adapter.ts';
import type { Asides } from './asides.ts';
import type { FeedTail } from './feed-tail.ts';
import type { Frame, Live } from './live.ts';
import { toWire } from './outbound.ts';
import type { Places } from './places.ts';
import type { Person } from './sign-in.ts';

/** Proxies close a silent connection after 30 s or so; the page takes three missed pings for a lost one. */
const PING_MS = 10_000;
const PAGE = 200;
/** Further behind than this a tab reads its conversation anew. */
const MAX_REPLAY = 2_000;

export type EventsDeps = { feed: Feed; tail: FeedTail; live: Live; asides: Asides; places: Places };

export function createEvents(deps: EventsDeps) {
  const { feed, tail, live, asides, places } = deps;

  async function* missed(person: Person, after: number): AsyncIterable<Frame> {
    let cursor = after;
    const end = await feed.revision();
    if (after > end || end - after > MAX_REPLAY) {
      yield { event: 'reload', data: {}, id: end };
      return;
    }
    while (cursor < end) {
      const posts = await feed.changes(cursor, PAGE);
      for (const post of posts) {
        cursor = post.revision;
        if ((await places.visible(post.conversation, person.id)) === undefined) continue;
        yield { event: 'post', data: await toWire(post), id: post.revision };
      }
      if (posts.length < PAGE) return;
    }
  }

  async function* stream(
    person: Person,
    after: number | undefined,
    signal: AbortSignal,
  ): AsyncIterable<string> {
    // Subscribed first: what happens during the replay waits in the queue; the page drops what it has already.
    const subscriber = live.subscribe(person.id);
    const close = () => subscriber.close();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    try {
      const start = tail.cursor();
      const hello = { event: 'hello', data: { asides: asides.list(person.id) } };
      yield encode(after === undefined ? { ...hello, id: start } : hello);
      if (after !== undefined) for await (const frame of missed(person, after)) yield encode(frame);
      while (!subscriber.isClosed()) {
        const frames = subscriber.take();
        if (frames.length > 0) yield frames.map(encode).join('');
        else if ((await subscriber.wait(PING_MS)) === 'timeout') yield encode({ event: 'ping', data: {} });
      }
    } finally {
      signal.removeEventListener('abort', close);
      close();
    }
  }

  return (request: HttpRequest, person: Person): HttpResponse => {
    const after = Number.parseInt(request.headers['last-event-id'] ?? request.query.after ?? '', 10);
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
      body: stream(person, Number.isSafeInteger(after) ? after : undefined, request.signal),
    };
  };
}

function encode({ event, data, id }: Frame): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
