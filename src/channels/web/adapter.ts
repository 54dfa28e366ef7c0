/**
 * The built-in web chat as a channel. It is its own platform: messages are posts of the durable feed, and what is
 * only true now (drafts, asides, typing) lives in memory and goes out as server-sent events.
 */
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Post } from '../../domain/feed.ts';
import type { DeliveryKey, MessageRef, OutboundMessage } from '../../domain/message.ts';
import { newId } from '../../domain/runtime.ts';
import type { ChannelAdapter, ChannelDeps, ChannelSink, ChannelState, SendProgress } from '../adapter.ts';
import { lengthOf, splitMarkdown } from '../split.ts';
import { createApi } from './api.ts';
import { createAsides, toAside } from './asides.ts';
import { addAssets } from './assets.ts';
import type { WebConfig } from './config.ts';
import { addConversationRoutes } from './conversation-routes.ts';
import { createEvents } from './events.ts';
import { createFeedTail } from './feed-tail.ts';
import { renderMarkdown } from './format.ts';
import { type Audience, createLive, type Draft } from './live.ts';
import { addMessageRoutes } from './message-routes.ts';
import { answeredTurnOf, stepsOf, toBody, toPost, toWire } from './outbound.ts';
import { addPageRoutes } from './page-routes.ts';
import { createPlaces, type Place, placeOf, refOf } from './places.ts';
import { createReplyStream } from './reply-stream.ts';
import { openSignIn, type SignIn } from './sign-in.ts';

export function createWebAdapter(deps: ChannelDeps<WebConfig>): ChannelAdapter {
  const { config, feed, http, clock, log } = deps;
  const { token: ownerToken, publicUrl } = deps.server;
  const signInConfig = { users: config.users, ownerToken, publicUrl };
  const live = createLive({ clock });
  const asides = createAsides({ clock });
  const places = createPlaces({ feed, clock });
  const tail = createFeedTail({ feed, deliver, log });
  let sink: ChannelSink | undefined;
  let state: ChannelState = 'stopped';
  let signIn: SignIn | undefined;

  const api = createApi({ signIn: () => signIn, log });
  const events = createEvents({ feed, tail, live, asides, places });
  const { stateOf } = addConversationRoutes({
    http,
    api,
    feed,
    places,
    live,
    clock,
    commands: deps.commands,
  });
  addAssets(http);
  addMessageRoutes({ http, api, feed, places, live, asides, clock, config, sink: () => sink });
  addPageRoutes({ http, signIn: () => signIn, log, stateOf });
  http.route(
    'GET',
    '/api/events',
    api(async (request, person) => events(request, person)),
  );

  async function deliver(post: Post): Promise<void> {
    const place = await places.get(post.conversation);
    if (place === undefined) return;
    const wire = await toWire(post);
    // Another process that posts the answer knows nothing of the draft here.
    const draft = wire.draft ?? live.draftOf(answeredTurnOf(post));
    // The post goes out in the place of its draft: one frame, so that nothing flickers or shows twice.
    if (draft !== null) live.closeDraft(draft, 'replaced');
    live.send(place.owner, { event: 'post', data: { ...wire, draft }, id: post.revision });
  }

  async function audienceOf(place: Place): Promise<Audience | undefined> {
    return (await places.get(place.conversation))?.owner;
  }

  async function post(
    place: Place,
    message: OutboundMessage,
    key: DeliveryKey,
    draft?: Draft,
    progress?: SendProgress,
  ): Promise<MessageRef[]> {
    if ((await audienceOf(place)) === undefined) {
      throw new AppError('channel.rejected', `There is no web conversation "${place.conversation}".`);
    }
    const refs: MessageRef[] = [];
    for (const [at, part] of (await inParts(message)).entries()) {
      // The same key gives the same post, so a part that is out already is only looked up again.
      const partKey = at === 0 ? key : `${key}#${at}`;
      const { id } = await storing(() =>
        feed.add(toPost(place, part, partKey, clock.now(), at === 0 ? draft : undefined)),
      );
      const ref = { where: refOf(place), id };
      refs.push(ref);
      if (at >= (progress?.done.length ?? 0)) await progress?.onPart(ref);
    }
    await tail.pull();
    return refs;
  }

  return {
    name: 'web',
    limits: { maxLength: MAX_LENGTH, editEveryMs: 40, ephemeral: 'native' },
    state: () => ({ state }),

    async start(to) {
      state = 'starting';
      signIn ??= await openSignIn({ config: signInConfig, state: deps.state, clock });
      deps.announce(signIn.oneTimePath ?? '/');
      await places.openShared();
      await tail.start();
      sink = to;
      state = 'up';
    },

    async stop() {
      sink = undefined;
      state = 'stopped';
      await tail.stop();
      live.closeAll();
    },

    send: (to, message, key, progress) => post(placeOf(to), message, key, undefined, progress),

    async edit(ref, message) {
      const changed = await storing(async () => {
        const before = await feed.post(ref.id);
        return before && feed.update(ref.id, { body: toBody(keepSteps(message, before), undefined) });
      });
      if (changed === undefined)
        throw new AppError('channel.rejected', `There is no web message "${ref.id}".`);
      await tail.pull();
    },

    openReply(to, replyTo, turnId) {
      const place = placeOf(to);
      return createReplyStream({
        live,
        place,
        audience: audienceOf(place).catch((error: unknown) => {
          log.warn({ error: errorMessage(error) }, 'no live reply: the web conversation could not be read');
          return undefined;
        }),
        replyTo: replyTo?.id ?? null,
        turnId,
        post: (message, key, draft) => post(place, message, key, draft),
      });
    },

    async sendEphemeral(to, user, message, replyToken) {
      const place = placeOf(to);
      // Rights may have changed since the question: look again (A36).
      if (!signIn?.isPerson(user) || (await places.visible(place.conversation, user)) === undefined)
        return { delivered: false };
      const html = await renderMarkdown(message.text);
      const now = clock.now();
      const asked = replyToken === undefined ? undefined : asides.get(user, replyToken);
      // The first answer takes the echo's place; further ones stand for themselves.
      const aside = toAside(
        message,
        html,
        { ...place, id: newId(now), at: now },
        asked?.html === null ? asked : undefined,
      );
      asides.put(user, aside);
      live.send(user, { event: 'aside', data: aside });
      return { delivered: true, id: aside.id };
    },

    async editEphemeral(to, user, ref, message) {
      const html = await renderMarkdown(message.text);
      const shown = ref.id === undefined ? undefined : asides.get(user, ref.id);
      if (shown === undefined) return;
      const aside = toAside(message, html, { ...placeOf(to), id: shown.id, at: shown.at }, shown);
      asides.put(user, aside);
      live.send(user, { event: 'aside', data: aside });
    },

    async directRef(user) {
      if (!signIn?.isPerson(user))
        throw new AppError('channel.rejected', `"${user}" is no user of the web chat.`);
      return refOf({ conversation: await storing(() => places.openDirect(user)), thread: null });
    },

    async typing(to) {
      const place = placeOf(to);
      const audience = await audienceOf(place).catch(() => undefined);
      if (audience !== undefined) live.typing(place, audience);
    },
  };
}

/** No platform limits us; the bound keeps one message readable and its page light. */
const MAX_LENGTH = 100_000;

/** A card stays whole: what is to be approved is shown in one piece. */
async function inParts(message: OutboundMessage): Promise<OutboundMessage[]> {
  if (message.card !== undefined || message.text.length <= MAX_LENGTH) return [message];
  const { steps: _, ...rest } = message;
  const texts = await splitMarkdown(message.text, { limit: MAX_LENGTH, measure: lengthOf });
  return texts.map((text, at) => ({ ...(at === 0 ? message : rest), text }));
}

/** An edit that says nothing about the steps leaves them. */
function keepSteps(message: OutboundMessage, before: Post): OutboundMessage {
  const steps = stepsOf(before);
  return message.steps === undefined && steps.length > 0 ? { ...message, steps } : message;
}

async function storing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError && error.code.startsWith('channel.')) throw error;
    throw new AppError(
      'channel.unavailable',
      `The web chat could not store a message: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
}
