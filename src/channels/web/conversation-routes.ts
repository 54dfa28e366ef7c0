/** Reading: who I am, my conversations, their posts; opening and renaming a conversation. */
import type { Conversation, Feed } from '../../domain/feed.ts';
import { type Clock, newId } from '../../domain/runtime.ts';
import type { ChannelDeps, HttpHost, HttpRequest } from '../adapter.ts';
import { type Api, ApiError, json, notFound, readBody } from './api.ts';
import { isId, requests } from './inbound.ts';
import type { Live } from './live.ts';
import { filesOf, toWire } from './outbound.ts';
import type { Places } from './places.ts';
import type { Person } from './sign-in.ts';

/** What fills a tall screen; "Show earlier" brings the next. */
const PAGE = 50;

export type State = {
  readonly me: Person;
  readonly conversations: readonly WireConversation[];
  readonly commands: ChannelDeps<unknown>['commands'];
};
type WireConversation = Pick<Conversation, 'id' | 'title' | 'lastPostAt'> & { readonly shared: boolean };

export function addConversationRoutes(deps: {
  http: HttpHost;
  api: Api;
  feed: Feed;
  places: Places;
  live: Live;
  clock: Clock;
  commands: ChannelDeps<unknown>['commands'];
}): { stateOf(person: Person): Promise<State> } {
  const { http, api, feed, places, live, clock, commands } = deps;

  async function stateOf(person: Person): Promise<State> {
    await places.openDirect(person.id);
    const conversations = await feed.conversations(person.id);
    return { me: person, conversations: conversations.map(toWireConversation), commands };
  }

  http.route(
    'GET',
    '/api/state',
    api(async (_request, person) => json(200, await stateOf(person))),
  );

  http.route(
    'GET',
    '/api/conversations/:id/posts',
    api(async (request, person) => {
      const conversation = await visible(request, person);
      const { thread, before } = request.query;
      if (![thread, before].every((given) => given === undefined || isId(given))) throw notFound();
      const posts = await feed.latest(conversation, {
        thread: thread ?? null,
        ...(before === undefined ? {} : { before }),
        limit: PAGE,
      });
      // Replies of the posts on the page are counted there, so the latest ones come along.
      const replies =
        thread === undefined && before === undefined
          ? await feed.latest(conversation, { limit: PAGE * 2 })
          : [];
      const root = thread === undefined ? undefined : await feed.post(thread);
      const all = [...posts, ...replies.filter((post) => post.thread !== null)];
      if (root?.conversation === conversation) all.push(root);
      return json(200, { posts: await Promise.all(all.map(toWire)), more: posts.length === PAGE });
    }),
  );

  http.route(
    'POST',
    '/api/conversations',
    api(async (request, person) => {
      const { title, shared } = readBody(request, requests.conversation);
      const now = clock.now();
      const owner = shared ? null : person.id;
      const conversation = await feed.createConversation({ id: newId(now), title, owner, createdAt: now });
      live.send(owner, { event: 'conversation', data: toWireConversation(conversation) });
      return json(201, toWireConversation(conversation));
    }),
  );

  http.route(
    'POST',
    '/api/conversations/:id/rename',
    api(async (request, person) => {
      const id = await visible(request, person);
      const { title } = readBody(request, requests.title);
      await feed.renameConversation(id, title);
      const conversation = await feed.conversation(id);
      if (conversation === undefined) throw notFound();
      live.send(conversation.owner, { event: 'conversation', data: toWireConversation(conversation) });
      return json(200, toWireConversation(conversation));
    }),
  );

  http.route(
    'GET',
    '/api/posts/:id/files/:index',
    api(async (request, person) => {
      const id = request.params.id ?? '';
      const post = isId(id) ? await feed.post(id) : undefined;
      const isVisible =
        post !== undefined && (await places.visible(post.conversation, person.id)) !== undefined;
      const file = isVisible ? filesOf(post)[Number(request.params.index)] : undefined;
      if (file === undefined) throw new ApiError(404, 'request.not_found', 'This file does not exist.');
      const name = encodeURIComponent(file.name);
      return {
        status: 200,
        // Never shown in place: whatever it holds, the browser must not run it here.
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          'content-disposition': `attachment; filename*=UTF-8''${name}`,
        },
        body: file.text,
      };
    }),
  );

  async function visible(request: HttpRequest, person: Person): Promise<string> {
    const id = request.params.id ?? '';
    const found = isId(id) ? await places.visible(id, person.id) : undefined;
    if (found === undefined) throw notFound();
    return found.id;
  }

  return { stateOf };
}

const toWireConversation = ({ id, title, owner, lastPostAt }: Conversation): WireConversation => ({
  id,
  title,
  lastPostAt,
  shared: owner === null,
});
