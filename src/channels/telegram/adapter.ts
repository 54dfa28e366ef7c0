/** Telegram as a channel: connects, keeps asking for updates or waits for them, and says how it is. */
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { ConversationRef, InboundMessage } from '../../domain/message.ts';
import type { ChannelAdapter, ChannelDeps, ChannelSink, ChannelState } from '../adapter.ts';
import { encodeButton } from '../button-token.ts';
import { createTelegramApi, isTokenRefused, isUnreachable, type UpdateKind } from './api.ts';
import type { TelegramConfig } from './config.ts';
import { connect, retryUntil } from './connect.ts';
import { createDrafts } from './drafts.ts';
import { createOutbound } from './outbound.ts';
import { keyboardOf } from './parts.ts';
import { type BotIdentity, isPrivate, numberOf, refOf, targetOf } from './places.ts';
import { poll } from './polling.ts';
import { createPrivately } from './privately.ts';
import { createQueries } from './queries.ts';
import { createReceiver, type Receiver } from './receiver.ts';
import { createReplyStream } from './reply-stream.ts';
import { createSpareCalls } from './spare-calls.ts';
import { draftSurface, messageSurface } from './surfaces.ts';
import { addWebhook } from './webhook.ts';

/** Groups take about 20 messages a minute, edits included; a private chat about one a second. */
const EDIT_EVERY_MS = { group: 3_000, private: 1_000 };

export function createTelegramAdapter(deps: ChannelDeps<TelegramConfig>): ChannelAdapter {
  const { config, clock, log, metrics } = deps;
  const api = createTelegramApi({ token: config.token, apiUrl: config.api_url });
  const spare = createSpareCalls(clock);
  const drafts = createDrafts({ state: deps.state, clock });
  const outbound = createOutbound({ api, drafts, rich: config.rich, log });
  const queries = createQueries({ api, log });
  const privately = createPrivately({ api, outbound, queries, log });
  const allowed: UpdateKind[] = ['message', 'edited_message', 'callback_query'];
  if (config.drafts) allowed.push('stopped_message_generation');

  let bot: BotIdentity | undefined;
  let receiver: Receiver | undefined;
  let state: ChannelState = 'stopped';
  let detail: string | undefined;
  let abort = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const onState = (now: ChannelState, why?: string): void => {
    if (abort.signal.aborted) return;
    if (now === 'up' && state !== 'up') log.info({ bot: bot?.username }, 'connected to Telegram');
    state = now;
    detail = why;
  };

  if (config.mode === 'webhook')
    addWebhook({ http: deps.http, secret: secretOf(config), receiver: () => receiver, log });

  async function open(sink: ChannelSink): Promise<void> {
    bot = await connect({
      api,
      config,
      allowed,
      publicUrl: deps.server.publicUrl,
      commands: deps.commands,
      log,
    });
    receiver = createReceiver({
      api,
      bot,
      sink,
      mentionOnly: config.mention_only,
      queries,
      log,
      metrics,
      clock,
    });
    onState('up');
  }

  async function listen(): Promise<void> {
    if (config.mode === 'webhook' || bot === undefined || receiver === undefined) return;
    const { state: store } = deps;
    await poll({
      api,
      receiver,
      botId: bot.id,
      allowed,
      state: store,
      onState,
      stop: abort.signal,
      clock,
      log,
    });
  }

  return {
    name: 'telegram',
    limits: { maxLength: 4096, editEveryMs: EDIT_EVERY_MS.group, ephemeral: 'native' },
    state: () => ({ state, ...(detail === undefined ? {} : { detail }) }),

    async start(sink) {
      abort = new AbortController();
      state = 'starting';
      const { signal } = abort;
      try {
        await open(sink);
        running = listen();
      } catch (error) {
        const isFinal = !(error instanceof AppError) || !error.retryable;
        onState(isFinal ? 'down' : 'degraded', errorMessage(error));
        if (isFinal) throw error;
        log.warn({ detail: errorMessage(error) }, 'Telegram cannot be reached yet; trying on');
        running = retryUntil(() => open(sink), { signal, onState, log }).then(listen);
      }
    },

    async stop() {
      abort.abort();
      state = 'stopped';
      detail = undefined;
      await running;
      receiver = undefined;
      await drafts.sweep();
    },

    send: (to, message, key, progress) => guarded(() => outbound.send(to, message, key, progress)),
    edit: (ref, message) => guarded(() => outbound.edit(ref, message)),
    sendEphemeral: (to, user, message, token) => guarded(() => privately.show(to, user, message, token)),
    editEphemeral: (to, user, ref, message) => guarded(() => privately.change(to, user, ref, message)),

    openReply(to, replyTo, turnId, isFirst = false) {
      if (turnId !== undefined) drafts.begin(turnId, isFirst);
      const surface =
        config.drafts && isPrivate(to) && turnId !== undefined
          ? draftSurface({ api, outbound, to, turnId, rich: config.rich })
          : messageSurface({
              outbound,
              drafts,
              to,
              replyTo: replyTarget(to, replyTo),
              turnId,
              stop: turnId === undefined ? undefined : stopKeyboard(turnId),
            });
      const editEveryMs = isPrivate(to) ? EDIT_EVERY_MS.private : EDIT_EVERY_MS.group;
      return createReplyStream({ surface, editEveryMs, spare, clock, log });
    },

    async directRef(user) {
      const id = numberOf(user);
      if (id === undefined || bot === undefined)
        throw new AppError('channel.rejected', `"${user}" cannot be reached on Telegram now`);
      await requireReachable(id, bot);
      return refOf(bot, id);
    },

    async typing(to) {
      if (!spare.take()) return;
      const { chat_id, ...topic } = targetOf(to);
      await api.call((by) => by.sendChatAction(chat_id, 'typing', topic)).catch(() => undefined);
    },
  };

  /** A token that was revoked takes the channel down, whichever call hears of it first. */
  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isTokenRefused(error)) onState('down', errorMessage(error));
      throw error;
    }
  }

  /** @throws AppError `channel.rejected` with the way out, for people who never wrote to the bot. */
  async function requireReachable(id: number, { username }: BotIdentity): Promise<void> {
    try {
      await guarded(() => api.call((by) => by.sendChatAction(id, 'typing')));
    } catch (error) {
      if (isTokenRefused(error)) throw error;
      // Whatever else it was, the message itself will tell.
      if (!isUnreachable(error)) return;
      const invitation = `I cannot write to you in private yet. Open https://t.me/${username}?start=btw, press Start, and ask again.`;
      throw new AppError('channel.rejected', `the person has not started the bot: ${errorMessage(error)}`, {
        details: { invitation },
      });
    }
  }

  function replyTarget(to: ConversationRef, replyTo: InboundMessage | undefined): number | undefined {
    const isPlace = config.reply_in_thread && !isPrivate(to) && to.thread === undefined;
    return isPlace && replyTo !== undefined && /^\d+$/.test(replyTo.id) ? Number(replyTo.id) : undefined;
  }
}

const stopKeyboard = (turn: string) =>
  keyboardOf([{ label: 'Stop', token: encodeButton({ kind: 'stop', turn }), style: 'plain' }]);

function secretOf({ webhook_secret }: TelegramConfig): string {
  if (webhook_secret === null)
    throw new AppError('config.invalid', 'channels.telegram.webhook_secret is missing for mode: webhook');
  return webhook_secret;
}
