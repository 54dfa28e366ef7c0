/** A signed-in client of the web chat without a browser: JSON calls, and the raw bytes of its event stream. */
import { expect, vi } from 'vitest';

export type WebClient = {
  readonly cookie: string;
  get(path: string): Promise<Response>;
  post(path: string, value: unknown): Promise<Response>;
  /** Opens the stream; resolves when its first event is there. */
  events(after?: number): Promise<EventTap>;
};

export type EventTap = {
  /** Every byte received so far, as text. */
  raw(): string;
  /** The data of the events of one name. */
  of(name: string): Record<string, unknown>[];
  /** Waits until the condition holds. */
  until(condition: (tap: EventTap) => boolean): Promise<void>;
  isOver(): boolean;
  close(): void;
};

export async function signIn(url: string, token: string): Promise<WebClient> {
  const answer = await fetch(`${url}/?token=${token}`, { redirect: 'manual' });
  expect(answer.status).toBe(303);
  return withCookie(url, (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '');
}

export function withCookie(url: string, cookie: string): WebClient {
  return {
    cookie,
    get: (path) => fetch(url + path, { headers: { cookie } }),
    post: (path, value) =>
      fetch(url + path, {
        method: 'POST',
        headers: { cookie, 'content-type': 'application/json' },
        body: JSON.stringify(value),
      }),
    async events(after) {
      const stop = new AbortController();
      const query = after === undefined ? '' : `?after=${after}`;
      const answer = await fetch(`${url}/api/events${query}`, { headers: { cookie }, signal: stop.signal });
      expect(answer.status).toBe(200);
      const tap = tapOf(answer, stop);
      await tap.until(() => tap.of('hello').length > 0);
      return tap;
    },
  };
}

function tapOf(answer: Response, stop: AbortController): EventTap {
  let text = '';
  let over = false;
  async function read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true });
  }
  read().then(
    () => {
      over = true;
    },
    () => {
      over = true;
    },
  );
  const tap: EventTap = {
    raw: () => text,
    of: (name) =>
      text
        .split('\n\n')
        .filter((frame) => frame.includes(`event: ${name}\n`))
        .map((frame) => JSON.parse(frame.slice(frame.indexOf('data: ') + 'data: '.length))),
    until: (condition) =>
      vi.waitFor(() => expect(condition(tap)).toBe(true), { timeout: 10_000, interval: 10 }),
    isOver: () => over,
    close: () => stop.abort(),
  };
  return tap;
}
