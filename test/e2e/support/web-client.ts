/** A person at the web chat, without the page: signs in, posts, and keeps every byte the server sends. */
import { randomUUID } from 'node:crypto';
import { until } from './gateway.ts';

export type WirePost = {
  readonly id: string;
  readonly conversation: string;
  readonly thread: string | null;
  readonly author: string;
  readonly kind: string;
  readonly deleted: boolean;
  readonly html: readonly string[];
  readonly text: string | null;
  readonly card: {
    title: string;
    action: { text: string };
    facts: string[];
    why: string[];
    notes?: string[];
    outcome?: string;
  } | null;
  readonly buttons: readonly { label: string; token: string }[];
};

export type WireAside = {
  readonly id: string;
  readonly kind: string;
  readonly question: string | null;
  readonly done: boolean;
  readonly html: readonly string[] | null;
};

export type Place = { readonly conversation: string; readonly thread?: string };

export type WebClient = {
  readonly id: string;
  /** Everything received on the event stream so far, unparsed. */
  raw(): string;
  posts(): readonly WirePost[];
  asides(): readonly WireAside[];
  frames(event: string): readonly Record<string, unknown>[];
  home(): Promise<Place>;
  createConversation(title: string, shared: boolean): Promise<Place>;
  /** The status of the answer, and the id of the message. */
  post(place: Place, text: string, clientId?: string): Promise<{ status: number; id: string; body: string }>;
  edit(id: string, text: string): Promise<number>;
  remove(id: string): Promise<number>;
  click(place: Place, token: string): Promise<number>;
  stop(place: Place): Promise<number>;
  answerTo(place: Place, text: string): Promise<WirePost>;
  /** The latest open card of a place. */
  /** The last one that is open: of one request, if there is such a one, else over several. */
  card(place: Place, matching?: string): Promise<WirePost>;
  press(place: Place, card: WirePost, label: string): Promise<number>;
  /** Asks and waits for the whole private answer. */
  command(place: Place, text: string): Promise<WireAside>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Goes on where it was, at a gateway that may be another process by now. */
  reconnect(url?: string): Promise<void>;
  close(): void;
};

export const textOf = (html: readonly string[] | null): string =>
  (html ?? [])
    .join('\n')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

export async function signIn(baseUrl: string, token: string): Promise<WebClient> {
  const response = await fetch(`${baseUrl}/?token=${encodeURIComponent(token)}`, { redirect: 'manual' });
  const cookie = response.headers.get('set-cookie')?.split(';')[0];
  if (cookie === undefined) throw new Error(`sign-in answered ${response.status} without a cookie`);
  return openClient(baseUrl, cookie);
}

async function openClient(baseUrl: string, cookie: string): Promise<WebClient> {
  let url = baseUrl;
  let raw = '';
  let buffer = '';
  let lastId: string | undefined;
  let abort = new AbortController();
  const frames: { event: string; data: Record<string, unknown> }[] = [];
  const posts = new Map<string, WirePost>();
  const asides = new Map<string, WireAside>();

  const request = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${url}${path}`, { ...init, headers: { cookie, origin: url, ...init.headers } });
  const send = (path: string, body: unknown): Promise<Response> =>
    request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });

  function take(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    lastId = field('id') ?? lastId;
    const event = field('event');
    const data = field('data');
    if (event === undefined || data === undefined) return;
    const value = JSON.parse(data) as Record<string, unknown>;
    frames.push({ event, data: value });
    if (event === 'post') posts.set(String(value.id), value as unknown as WirePost);
    if (event === 'aside') asides.set(String(value.id), value as unknown as WireAside);
    if (event === 'hello') for (const aside of value.asides as WireAside[]) asides.set(aside.id, aside);
  }

  async function listen(): Promise<void> {
    abort = new AbortController();
    const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
    const response = await request('/api/events', { signal: abort.signal, headers });
    if (response.status !== 200 || response.body === null)
      throw new Error(`/api/events answered ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const seen = frames.filter((frame) => frame.event === 'hello').length;
    void read(reader).catch(() => {});
    await until('the event stream', () => frames.filter((frame) => frame.event === 'hello').length > seen);
  }

  async function read(reader: ReadableStreamDefaultReader<string>): Promise<void> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      raw += value;
      buffer += value;
      const blocks = buffer.split('\n\n');
      buffer = blocks.pop() ?? '';
      for (const block of blocks) take(block);
    }
  }

  const place = ({ conversation, thread }: Place) => ({
    conversation,
    ...(thread === undefined ? {} : { thread }),
  });
  const inPlace = (post: WirePost, { conversation, thread }: Place) =>
    post.conversation === conversation && post.thread === (thread ?? null);
  const all = () => [...posts.values()];

  const state = (await (await request('/api/state')).json()) as {
    me: { id: string };
    conversations: { id: string; shared: boolean }[];
  };
  await listen();

  const client: WebClient = {
    id: state.me.id,
    raw: () => raw,
    posts: all,
    asides: () => [...asides.values()],
    frames: (event) => frames.filter((frame) => frame.event === event).map((frame) => frame.data),
    async home() {
      const own = state.conversations.find((one) => !one.shared);
      if (own === undefined) throw new Error('there is no private conversation');
      return { conversation: own.id };
    },
    async createConversation(title, shared) {
      const response = await send('/api/conversations', { title, shared });
      const { id } = (await response.json()) as { id: string };
      return { conversation: id };
    },
    async post(where, text, clientId = randomUUID()) {
      const response = await send('/api/messages', { ...place(where), text, clientId });
      const body = await response.text();
      const id = response.ok ? (JSON.parse(body) as { id: string }).id : '';
      return { status: response.status, id, body };
    },
    edit: async (id, text) => (await send(`/api/messages/${id}/edit`, { text })).status,
    remove: async (id) => (await send(`/api/messages/${id}/delete`, {})).status,
    click: async (where, token) =>
      (await send('/api/click', { ...place(where), token, clientId: randomUUID() })).status,
    stop: async (where) => (await send('/api/stop', place(where))).status,
    async answerTo(where, text) {
      const before = new Set(all().map((post) => post.id));
      const { status, body } = await client.post(where, text);
      if (status !== 201) throw new Error(`posting answered ${status}: ${body}`);
      return until(`an answer to "${text}"`, () =>
        all().find(
          (post) =>
            inPlace(post, where) && !before.has(post.id) && (post.kind === 'answer' || post.kind === 'error'),
        ),
      );
    },
    card: (where, matching = '') =>
      until(`a card ${matching}`, () => {
        const open = all().filter(
          (post) =>
            inPlace(post, where) && post.buttons.length > 0 && post.card?.action.text.includes(matching),
        );
        // One over several comes after those of their own.
        return open.findLast((post) => post.card?.action.text.startsWith('1 of ') === false) ?? open.at(-1);
      }),
    async press(where, card, label) {
      const button = card.buttons.find((one) => one.label === label);
      if (button === undefined)
        throw new Error(`no button "${label}" among ${card.buttons.map((one) => one.label).join(', ')}`);
      return client.click(where, button.token);
    },
    async command(where, text) {
      const { status, id, body } = await client.post(where, text);
      if (status !== 202) throw new Error(`the command answered ${status}: ${body}`);
      return until(`a private answer to "${text}"`, () => {
        const aside = asides.get(id);
        return aside?.done === true ? aside : undefined;
      });
    },
    fetch: request,
    async reconnect(next = url) {
      abort.abort();
      url = next;
      await listen();
    },
    close: () => abort.abort(),
  };
  return client;
}
