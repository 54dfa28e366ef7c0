/**
 * The Discord channel: its life from connecting to stopping, and which part takes which event. Built on the REST and
 * gateway layers of discord.js; its Client keeps caches we do not want and cannot resume over a restart.
 */
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { ChannelAdapter, ChannelDeps, ChannelSink, ChannelState } from '../adapter.ts';
import { askedWait } from '../patience.ts';
import { createDiscordApi } from './api.ts';
import { createAsides } from './asides.ts';
import { createBackfill } from './backfill.ts';
import { registerCommands } from './commands.ts';
import type { DiscordConfig } from './config.ts';
import { createDelivery } from './delivery.ts';
import { createDrafts } from './drafts.ts';
import { isTokenRefused } from './errors.ts';
import { createEvents } from './events.ts';
import { createFileFetcher } from './files.ts';
import { MAX_CONTENT } from './format.ts';
import { userIdOf } from './inbound.ts';
import { createIntake } from './intake.ts';
import { createInteractions } from './interactions.ts';
import { createPlaces } from './places.ts';
import { createCrowd, createReplyStream, EDIT_EVERY_MS } from './reply-stream.ts';
import { createSessionKeeper, type Identity } from './session.ts';
import { createSocket } from './socket.ts';

/** A start does not hold up the other channels; the connection goes on being made. */
const START_WAIT_MS = 10_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** How long a refusal in one place is shown as the channel's trouble. */
const TROUBLE_MS = 5 * 60_000;

export function createDiscordAdapter(deps: ChannelDeps<DiscordConfig>): ChannelAdapter {
  const { config, log, metrics, clock } = deps;
  let sink: ChannelSink | undefined;
  let state: ChannelState = 'stopped';
  let detail: string | undefined;
  let refusal: string | undefined;
  let trouble: { readonly text: string; readonly at: number } | undefined;
  let retry: NodeJS.Timeout | undefined;
  let settled = Promise.withResolvers<void>();

  const api = createDiscordApi({ token: config.token, apiUrl: config.api_url, onFailure });
  const session = createSessionKeeper({ token: config.token, state: deps.state, log });
  const identity = (): Identity => {
    const known = session.identity();
    if (known !== undefined) return known;
    throw new AppError('channel.unavailable', 'Discord has not said yet who the bot is');
  };
  const places = createPlaces({
    api,
    account: () => identity().user,
    replyInThread: config.reply_in_thread,
    log,
  });
  const asides = createAsides({ api, application: () => identity().application, clock });
  const drafts = createDrafts(deps.state);
  const crowd = createCrowd();
  const intake = createIntake({
    sink: () => sink,
    bot: () => identity().user,
    places,
    commands: new Set(deps.commands.map(({ name }) => name)),
    mentionOnly: config.mention_only,
    fetchFiles: createFileFetcher({ apiUrl: config.api_url }),
    onSeen: session.saw,
    clock,
    log,
    metrics,
  });
  const interactions = createInteractions({ api, asides, intake, places, sink: () => sink, log });
  const backfill = createBackfill({ api, session, intake, look: places.look, log });
  const events = createEvents({ session, places, intake, interactions, backfill, onIdentity, log });
  const delivery = createDelivery({ api, places, drafts, log });
  const socket = createSocket({
    api,
    token: config.token,
    session,
    clock,
    log,
    onDispatch: events,
    onBadFrame(error) {
      log.debug({ detail: errorMessage(error) }, 'a frame could not be read');
      intake.dropped('frame');
    },
    onUp: () => become('up', undefined),
    onDrop: (text) => become('degraded', text),
    onRefused: refused,
  });

  function become(next: ChannelState, text: string | undefined): void {
    // What was refused for good stays so until the next start.
    if (state === 'stopped' || state === 'down') return;
    state = next;
    detail = text;
    if (text === undefined) log.info({ account: session.identity()?.user }, 'connected to Discord');
    else log.warn({ state: next, detail: text }, 'Discord');
    if (next === 'up' || next === 'down') settled.resolve();
  }

  function refused(remedy: string): void {
    refusal ??= remedy;
    become('down', remedy);
    clearTimeout(retry);
    void socket.close();
  }

  function onFailure(error: AppError): void {
    if (isTokenRefused(error)) refused(error.message);
    else if (error.code === 'channel.unauthorized') trouble = { text: error.message, at: clock.now() };
  }

  function onIdentity(found: Identity): void {
    session.setIdentity(found);
    const { application } = found;
    registerCommands({ api, state: deps.state, application, commands: deps.commands }).catch(
      (error: unknown) => {
        log.warn(
          { detail: errorMessage(error) },
          'cannot register the commands with Discord; typing them works',
        );
      },
    );
  }

  /** @throws AppError when there is no use in trying again. */
  async function connect(wait: number): Promise<void> {
    try {
      await socket.open();
    } catch (error) {
      if (!(error instanceof AppError) || !error.retryable) throw error;
      become('degraded', error.message);
      settled.resolve();
      retry = setTimeout(() => {
        connect(Math.min(wait * 2, LONGEST_RETRY_MS)).catch((later: unknown) => refused(errorMessage(later)));
      }, askedWait(error) ?? wait);
    }
  }

  function currentTrouble(): string | undefined {
    return trouble !== undefined && clock.now() - trouble.at < TROUBLE_MS ? trouble.text : undefined;
  }

  return {
    name: 'discord',
    limits: { maxLength: MAX_CONTENT, editEveryMs: EDIT_EVERY_MS, ephemeral: 'interaction-only' },
    state() {
      const shown = detail ?? currentTrouble();
      const now = state === 'up' && shown !== undefined ? 'degraded' : state;
      return shown === undefined ? { state: now } : { state: now, detail: shown };
    },

    async start(to) {
      sink = to;
      state = 'starting';
      settled = Promise.withResolvers<void>();
      await session.open();
      await connect(FIRST_RETRY_MS).catch((error: unknown) => {
        refused(errorMessage(error));
        throw error;
      });
      const timer = setTimeout(settled.resolve, START_WAIT_MS);
      await settled.promise;
      clearTimeout(timer);
      if (refusal !== undefined) throw new AppError('channel.unauthorized', refusal);
    },

    async stop() {
      if (state === 'stopped') return;
      state = 'stopped';
      sink = undefined;
      clearTimeout(retry);
      await socket.close();
      intake.stop();
      await session.flush();
      api.close();
    },

    async send(to, message, key, progress) {
      return delivery.send(to, message, key, progress);
    },
    edit: delivery.edit,

    openReply(to, replyTo, turnId, isFirst = false) {
      return createReplyStream({
        api,
        drafts,
        crowd,
        log,
        target: () => places.target(to, replyTo?.text),
        replyTo,
        turn: turnId,
        isFirst,
        posted: delivery.posted,
        deliver: (message, key, draft) => delivery.replace(to, message, key, draft),
      });
    },

    sendEphemeral: (_to, _user, message, replyToken) => asides.show(message, replyToken),
    editEphemeral: (_to, _user, ref, message) => asides.edit(ref, message),

    async directRef(user) {
      const id = user.startsWith(userIdOf('')) ? user.slice(userIdOf('').length) : '';
      if (id === '') throw new AppError('channel.rejected', `"${user}" is no user of Discord.`);
      return places.openDirect(id);
    },

    async typing(to) {
      if (api.isCrowded()) return;
      try {
        await api.typing(await places.target(to));
      } catch (error) {
        log.debug({ detail: errorMessage(error) }, 'cannot show that I am typing');
      }
    },
  };
}
