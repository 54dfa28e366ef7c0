/** Writing: messages, edits, deletions, button presses, Stop. Stored first, then handed on, then acknowledged. */
import type { Feed, Post } from '../../domain/feed.ts';
import type { Command } from '../../domain/message.ts';
import type { Clock } from '../../domain/runtime.ts';
import type { ChannelSink, HttpHost, HttpRequest } from '../adapter.ts';
import { parseButton } from '../button-token.ts';
import { type Api, ApiError, json, notFound, readBody } from './api.ts';
import type { Aside, Asides } from './asides.ts';
import type { WebConfig } from './config.ts';
import {
  authorOf,
  isId,
  isOwn,
  MAX_TEXT_BYTES,
  parseCommand,
  placeOfPost,
  requests,
  toInbound,
} from './inbound.ts';
import type { Live } from './live.ts';
import { messageIdOf } from './outbound.ts';
import { type Place, type Places, refOf } from './places.ts';
import type { Person } from './sign-in.ts';

/** The text limit, and room for what JSON adds by escaping. */
const BODY = { maxBodyBytes: 2 * MAX_TEXT_BYTES };

export function addMessageRoutes(deps: {
  http: HttpHost;
  api: Api;
  feed: Feed;
  places: Places;
  live: Live;
  asides: Asides;
  clock: Clock;
  config: WebConfig;
  /** Undefined while the channel is not started or stopped: nothing is taken then. */
  sink: () => ChannelSink | undefined;
}): void {
  const { http, api, feed, places, live, asides, clock, config } = deps;
  /** Commands being handed on, by message id: a page that retries meets its own first try. */
  const inHand = new Map<string, Promise<void>>();

  function sink(): ChannelSink {
    const open = deps.sink();
    if (open === undefined)
      throw new ApiError(
        503,
        'channel.unavailable',
        'Parley is restarting. Your message is kept here and sent again.',
      );
    return open;
  }

  /** @throws ApiError 404 when the person may not see the place or the thread is no thread there. */
  async function openPlace(place: Place, person: Person): Promise<{ direct: boolean }> {
    const found = await places.visible(place.conversation, person.id);
    if (found === undefined) throw notFound();
    if (place.thread !== null) {
      const root = await feed.post(place.thread);
      if (root === undefined || root.conversation !== place.conversation || root.thread !== null) {
        throw new ApiError(404, 'request.not_found', 'This thread does not exist.');
      }
    }
    return { direct: found.owner !== null };
  }

  async function ownPost(request: HttpRequest, person: Person): Promise<{ post: Post; place: Place }> {
    const id = request.params.id ?? '';
    const post = isId(id) ? await feed.post(id) : undefined;
    const found = post === undefined ? undefined : await places.visible(post.conversation, person.id);
    if (post === undefined || found === undefined || !isOwn(post, person)) {
      throw new ApiError(404, 'request.not_found', 'Only your own messages can be changed.');
    }
    return { post, place: placeOfPost(post, found.owner === null, config) };
  }

  http.route(
    'POST',
    '/api/messages',
    api(async (request, person) => {
      const { conversation, thread, text, clientId } = readBody(request, requests.message);
      checkText(text);
      const open = sink();
      const { direct } = await openPlace({ conversation, thread }, person);
      const id = messageIdOf(person.id, clientId);
      const command = parseCommand(text);
      if (command !== undefined) {
        const place = { conversation, thread };
        await runCommand(open, { id, at: clock.now(), place, person, text, direct, command });
        return json(202, { id });
      }
      const post = await feed.add({
        id,
        conversation,
        thread,
        author: person.id,
        authorName: person.name,
        createdAt: clock.now(),
        body: { kind: 'message', text },
      });
      if (post.conversation !== conversation || post.thread !== thread) {
        throw new ApiError(409, 'request.invalid', 'This message was sent to another place before.');
      }
      // A retry hands on what is stored: the sink knows the id if it had it.
      const place = placeOfPost(post, !direct, config);
      if (!post.deleted)
        await open.message(toInbound({ id, at: post.createdAt, place, person, text, direct }));
      return json(201, { id });
    }),
    BODY,
  );

  /** Shown to the person at once, handed on once; the private answer takes the place of the echo. */
  async function runCommand(
    open: ChannelSink,
    message: Parameters<typeof toInbound>[0] & { command: Command },
  ): Promise<void> {
    const { id, person, place, at, command } = message;
    const running = inHand.get(id);
    if (running !== undefined) return running;
    if (asides.get(person.id, id) !== undefined) return;
    const echo: Aside = {
      ...place,
      id,
      at,
      kind: 'notice',
      command,
      question: null,
      done: false,
      html: null,
      card: null,
      buttons: [],
    };
    asides.put(person.id, echo);
    live.send(person.id, { event: 'aside', data: echo });
    const handed = open.message(toInbound(message)).finally(() => inHand.delete(id));
    inHand.set(id, handed);
    try {
      await handed;
    } catch (error) {
      asides.remove(person.id, id);
      live.send(person.id, { event: 'aside-end', data: { id } });
      throw error;
    }
  }

  http.route(
    'POST',
    '/api/messages/:id/edit',
    api(async (request, person) => {
      const { text } = readBody(request, requests.edit);
      checkText(text);
      if (parseCommand(text) !== undefined)
        throw new ApiError(
          400,
          'request.invalid',
          'A message cannot be turned into a command. Type it anew.',
        );
      const open = sink();
      const { post, place } = await ownPost(request, person);
      await open.edit({ id: post.id, where: refOf(place), author: authorOf(person), text });
      await feed.update(post.id, { body: { kind: 'message', text } });
      return json(200, { id: post.id });
    }),
    BODY,
  );

  http.route(
    'POST',
    '/api/messages/:id/delete',
    api(async (request, person) => {
      const open = sink();
      const { post, place } = await ownPost(request, person);
      await open.deletion({ id: post.id, where: refOf(place), author: authorOf(person) });
      await feed.update(post.id, { deleted: true });
      return json(200, { id: post.id });
    }),
  );

  http.route(
    'POST',
    '/api/click',
    api(async (request, person) => {
      const { conversation, thread, token, clientId } = readBody(request, requests.click);
      if (parseButton(token) === undefined)
        throw new ApiError(400, 'request.invalid', 'This button is not one of mine.');
      const open = sink();
      const place = { conversation, thread };
      await openPlace(place, person);
      const id = messageIdOf(person.id, clientId);
      await open.click({ id, at: clock.now(), where: refOf(place), author: authorOf(person), token });
      return json(200, { id });
    }),
  );

  http.route(
    'POST',
    '/api/stop',
    api(async (request, person) => {
      const place = readBody(request, requests.place);
      const open = sink();
      await openPlace(place, person);
      await open.stop(refOf(place), authorOf(person));
      return json(200, {});
    }),
  );
}

function checkText(text: string): void {
  if (text.trim() === '') throw new ApiError(400, 'request.invalid', 'The message is empty.');
  if (Buffer.byteLength(text) > MAX_TEXT_BYTES) {
    throw new ApiError(413, 'message.too_large', 'That message is too large. Please send less than 256 KB.');
  }
}
