/** Slack as a channel: Bolt with a receiver of ours, the Web API, and the parts that speak to the gateway. */
import { setTimeout as sleep } from 'node:timers/promises';
import { App, type Receiver } from '@slack/bolt';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { ConversationRef, OutboundMessage } from '../../domain/message.ts';
import { newId } from '../../domain/runtime.ts';
import type { ChannelAdapter, ChannelDeps, ChannelSink, ChannelState } from '../adapter.ts';
import { encodeButton } from '../button-token.ts';
import { createBackfill } from './backfill.ts';
import { clientOptions, SlackClient } from './client.ts';
import type { SlackConfig } from './config.ts';
import { createDispatch } from './dispatch.ts';
import { createDrafts } from './drafts.ts';
import { createEphemeral } from './ephemeral.ts';
import { toAppError } from './errors.ts';
import { fetchFiles } from './files.ts';
import { PART_LENGTH } from './format.ts';
import { toInbound } from './inbound.ts';
import { createLatestThread } from './latest-thread.ts';
import { createLiveMessage } from './live-message.ts';
import { type Call, createOutbound } from './outbound.ts';
import { createPeople } from './people.ts';
import { type Bot, placeOf, slackIdOf } from './places.ts';
import type { Ack, Delivery, Dropped } from './receiver.ts';
import { createReplyStream, EDIT_EVERY_MS } from './reply-stream.ts';
import { respondTo } from './respond.ts';
import { createSeen } from './seen.ts';
import { createSocket } from './socket.ts';
import { createStatus } from './status.ts';
import { createWebhook } from './webhook.ts';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
/** Events of shorter gaps Slack brings again by itself. */
const READ_BACK_AFTER_MS = 60_000;
/** Slack's last try comes about six minutes after the event. */
const READ_MISSED_AFTER_MS = 7 * 60_000;
/** Slack wants its events acknowledged within three seconds. */
const LONGEST_CATCH_UP_MS = 2_000;

export function createSlackAdapter(deps: ChannelDeps<SlackConfig>): ChannelAdapter {
  const { config, clock, log, metrics } = deps;
  let state: { state: ChannelState; detail?: string } = { state: 'stopped' };
  let sink: ChannelSink | undefined;
  let retry: NodeJS.Timeout | undefined;
  let missedTimer: NodeJS.Timeout | undefined;
  let bot: Bot = { team: '', user: '', botId: null };
  const options = clientOptions(config.api_url, log);
  const client = new SlackClient(config.bot_token, options);
  const abilities = { stream: true, stopInStream: true, status: true, session: true };

  const setState = (next: ChannelState, detail?: string): void => {
    if (next === 'up') endGap();
    else if (state.state === 'up') awaySince = clock.monotonic();
    state = detail === undefined ? { state: next } : { state: next, detail };
  };

  const call: Call = async (what, work) => {
    try {
      return await work(client);
    } catch (error) {
      const failure = toAppError(error, what);
      if (failure.code === 'channel.unauthorized') goDown(failure.message);
      throw failure;
    }
  };

  function endGap(): void {
    const isLong = awaySince === null || clock.monotonic() - awaySince > READ_BACK_AFTER_MS;
    if (state.state === 'up' || !isLong) return;
    const reading: Promise<void> = backfill.run().finally(() => {
      if (caughtUp === reading) caughtUp = undefined;
    });
    caughtUp = reading;
  }

  /** What could not be stored in all of Slack's tries is read once there is hope that it can. */
  function readMissedLater(): void {
    missedTimer ??= setTimeout(() => {
      missedTimer = undefined;
      if (state.state === 'up') void backfill.run(seen.lacking());
      else readMissedLater();
    }, READ_MISSED_AFTER_MS);
  }

  /** Nothing will work until an operator acts: no more events, the other channels go on. */
  function goDown(detail: string): void {
    if (state.state === 'down' || state.state === 'stopped') return;
    setState('down', detail);
    log.error({ detail }, 'Slack is down until this is mended');
    // Not waited for: what found this out may itself be an event in hand.
    void receiver.stop();
  }

  const people = createPeople({ call, bot: () => bot, clock, log });
  const outbound = createOutbound({ call, clock, log });
  const ephemeral = createEphemeral({ call, respond: respondTo });
  const drafts = createDrafts(deps.state);
  const status = createStatus({ call, abilities, clock });
  const commands = new Set(deps.commands.map((command) => command.name));
  const seen = createSeen({ state: deps.state, log });
  const backfill = createBackfill({ call, seen, take: (body) => onBody(body, async () => {}), clock, log });
  /** Newer messages wait for those that are read back, if that does not take long. */
  let caughtUp: Promise<void> | undefined;
  /** Null before the first connection of this process. */
  let awaySince: number | null = null;
  const dispatch = createDispatch({
    sink() {
      if (sink === undefined) throw new AppError('channel.unavailable', 'Slack is not started');
      return sink;
    },
    people,
    call,
    mentionOnly: config.mention_only,
    fetchFiles: (files) => fetchFiles(files, { token: config.bot_token, apiUrl: config.api_url, log }),
    latestThread: config.reply_in_thread ? createLatestThread({ state: deps.state, log }) : null,
    onMissed: readMissedLater,
    onGone: (reason) =>
      goDown(`The app was removed from the workspace (${reason}). Install it again and restart.`),
    clock,
    seen,
    log,
    metrics,
  });
  const receiver = createReceiver();

  function createReceiver(): Receiver {
    const dropped: Dropped = (about) => {
      metrics.count('parley_inbound_dropped_total', { channel: 'slack', reason: 'malformed' });
      const reference = newId(clock.now());
      log.warn({ reference, ...about }, 'dropped what Slack sent in a form I do not know');
    };
    if (config.mode === 'http')
      return createWebhook({
        http: deps.http,
        state: deps.state,
        signingSecret: config.signing_secret ?? '',
        onState: setState,
        dropped,
        clock,
        log,
        metrics,
      });
    return createSocket({
      appToken: config.app_token ?? '',
      clientOptions: options,
      onState: setState,
      dropped,
      log,
      metrics,
    });
  }

  async function onBody(body: unknown, ack: Ack): Promise<void> {
    const inbound = toInbound(body, { bot, replyInThread: config.reply_in_thread, commands }, clock.now());
    if (inbound !== undefined) return dispatch(inbound, ack);
    metrics.count('parley_inbound_dropped_total', { channel: 'slack', reason: 'unknown' });
    log.debug(
      { event: Object(body).event_id, type: Object(body).type },
      'nothing for us in an event of Slack',
    );
  }

  const openReply: ChannelAdapter['openReply'] = (where, replyTo, turnId, isFirst = false) => {
    status.begin(where);
    if (turnId !== undefined) drafts.begin(turnId, isFirst);
    return createReplyStream({
      async open() {
        if (!config.stream) return null;
        const adopted = turnId === undefined ? [] : await drafts.get(turnId);
        await endStreams(where, adopted);
        return createLiveMessage({
          call,
          where,
          recipient: replyTo === undefined ? null : { user: slackIdOf(replyTo.author.id), team: bot.team },
          stopToken: turnId === undefined ? null : encodeButton({ kind: 'stop', turn: turnId }),
          abilities,
          clock,
          adopted,
          onMessage: async (messages) => (turnId === undefined ? undefined : drafts.set(turnId, messages)),
        });
      },
      settle: (messages, message, key) =>
        messages.length === 0 ? send(where, message, key) : outbound.settle(where, messages, message, key),
      remove: (ts) => outbound.remove(where, ts),
      async forget() {
        if (turnId !== undefined) await drafts.drop(turnId).catch(() => undefined);
      },
      onEnd: () => status.end(where),
      clock,
      log,
    });
  };

  /** A stream that a killed process left open cannot be edited before it is ended. */
  async function endStreams(where: ConversationRef, timestamps: readonly string[]): Promise<void> {
    for (const ts of timestamps)
      await call('the end of a stream', (api) =>
        api.chat.stopStream({ channel: where.conversation, ts }),
      ).catch(() => undefined);
  }

  const send: ChannelAdapter['send'] = async (to, message, key, progress) => {
    const left = await leftDraft(message, progress?.done.length ?? 0);
    if (left.length === 0) return outbound.send(to, message, key, progress);
    await endStreams(to, left);
    const refs = await outbound.settle(to, left, message, key).catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'channel.rejected') return undefined;
      throw error;
    });
    // The process that left it, or somebody else, has deleted it since: the answer comes anew.
    if (refs === undefined) for (const ts of left) await outbound.remove(to, ts);
    if (message.turnId !== undefined) await drafts.drop(message.turnId);
    return refs ?? outbound.send(to, message, key, progress);
  };

  async function leftDraft(message: OutboundMessage, sent: number): Promise<readonly string[]> {
    const isAnswer = message.kind === 'answer' || message.kind === 'error';
    return isAnswer && message.turnId !== undefined && sent === 0 ? drafts.get(message.turnId) : [];
  }

  /** Slack or the network being away is no reason to hold up the rest: it is tried again beside it. */
  async function begin(failures = 0): Promise<void> {
    try {
      bot = await whoAmI(call);
      if (sink !== undefined) await createApp().start();
    } catch (error) {
      if (sink === undefined) return;
      if (!(error instanceof AppError) || !error.retryable) {
        setState('down', errorMessage(error));
        throw error;
      }
      setState('degraded', error.message);
      log.warn({ failures, detail: error.message }, 'cannot reach Slack; trying again');
      const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));
      retry = setTimeout(() => void begin(failures + 1).catch(() => undefined), delay);
    }
  }

  function createApp(): App {
    const app = new App({
      receiver,
      authorize: async () => ({ botToken: config.bot_token, botUserId: bot.user }),
      clientOptions: options,
      convoStore: false,
      ignoreSelf: false,
      logger: options.logger,
    });
    app.use(async ({ body, context }) => {
      const delivery: Delivery = context.delivery;
      delivery.reached = true;
      if (caughtUp !== undefined)
        await Promise.race([caughtUp, sleep(LONGEST_CATCH_UP_MS, undefined, { ref: false })]);
      await onBody(body, delivery.ack);
    });
    app.error(async (error) => Promise.reject(error));
    return app;
  }

  return {
    name: 'slack',
    limits: { maxLength: PART_LENGTH, editEveryMs: EDIT_EVERY_MS, ephemeral: 'native' },
    state: () => state,

    async start(to) {
      setState('starting');
      sink = to;
      awaySince = null;
      await seen.open();
      await begin();
    },

    async stop() {
      clearTimeout(retry);
      await receiver.stop();
      clearTimeout(missedTimer);
      await seen.flush();
      sink = undefined;
      setState('stopped');
    },

    send,
    edit: (ref, message) => outbound.edit(ref, message),
    openReply,
    sendEphemeral: (to, user, message, token) => ephemeral.send(to, user, message, token),
    editEphemeral: (to, user, ref, message) => ephemeral.edit(to, user, ref, message),

    async directRef(user) {
      const { channel } = await call(`a direct conversation with ${user}`, (api) =>
        api.conversations.open({ users: slackIdOf(user) }),
      );
      if (channel?.id === undefined)
        throw new AppError('channel.rejected', `Slack opened no conversation with ${user}.`);
      return placeOf(bot, channel.id, undefined);
    },

    typing: (to) => status.typing(to),
  };
}

async function whoAmI(call: Call): Promise<Bot> {
  const me = await call('auth.test', (client) => client.auth.test());
  if (me.team_id === undefined || me.user_id === undefined)
    throw new AppError(
      'channel.unauthorized',
      'Slack does not say whose token this is; channels.slack.bot_token must be a bot token (xoxb-…).',
    );
  return { team: me.team_id, user: me.user_id, botId: me.bot_id ?? null };
}
