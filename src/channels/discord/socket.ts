/**
 * The connection to Discord's gateway. The session lives in the keeper, so it is resumed over dropped sockets and over
 * restarts; identifying anew is rationed, because Discord resets the token of a bot that does it too often.
 */
import { type SessionInfo, WebSocketManager, WebSocketShardEvents } from '@discordjs/ws';
import { GatewayIntentBits } from 'discord-api-types/v10';
import { z } from 'zod';
import { AppError, errorMessage } from '../../domain/errors.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import type { DiscordApi } from './api.ts';
import { TOKEN_REMEDY, toAppError } from './errors.ts';
import { createGuardedStrategy } from './guarded-strategy.ts';
import type { SessionKeeper } from './session.ts';

export type Dispatch = {
  readonly shard: number;
  readonly sequence: number;
  readonly type: string;
  readonly data: unknown;
  /** Sent again after a resume. */
  readonly replayed: boolean;
};

export type Socket = {
  /** Resolves when the shards are under way. @throws AppError `channel.*` */
  open(): Promise<void>;
  /** Leaves the session resumable. Idempotent. */
  close(): Promise<void>;
};

export type SocketDeps = {
  readonly api: DiscordApi;
  readonly token: string;
  readonly session: SessionKeeper;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onDispatch: (dispatch: Dispatch) => void;
  /** A frame that could not be read; it is dropped. */
  readonly onBadFrame: (error: unknown) => void;
  readonly onUp: () => void;
  /** The connection is gone and is being made again. */
  readonly onDrop: (detail: string) => void;
  /** It will not come back by itself. */
  readonly onRefused: (remedy: string) => void;
};

/** Only what the bot needs: places, messages in them and in private, and their text. */
const INTENTS =
  GatewayIntentBits.Guilds |
  GatewayIntentBits.GuildMessages |
  GatewayIntentBits.DirectMessages |
  GatewayIntentBits.MessageContent;

/** Close codes after which trying again is of no use, with the remedy. */
const refusals: Readonly<Record<number, string>> = {
  4004: `Discord refused the bot token (4004). ${TOKEN_REMEDY}`,
  4010: 'Discord refused the shard (4010). Start Parley again.',
  4011: 'The bot is on too many servers for one connection (4011). Start Parley again, so that it asks Discord how many to use.',
  4012: 'Discord no longer speaks this version of its API (4012). Update Parley.',
  4013: 'Discord does not know the intents asked for (4013). Update Parley.',
  4014: 'Discord does not let the bot read messages (4014). Switch on Message Content Intent (Developer Portal, your application, Bot, Privileged Gateway Intents) and start Parley again.',
};

/** Not 1000 or 1001, which would end the session. */
const RESUMABLE_CLOSE = 4200;
/** The other side may be gone. */
const CLOSE_WAIT_MS = 2_000;
/** After so many connections that failed on the way, the address to resume at is no longer trusted. */
const RESUME_URL_TRIES = 3;

const gatewayInfo = z.object({
  url: z.url({ protocol: /^wss?$/ }),
  session_start_limit: z.object({ remaining: z.number(), reset_after: z.number() }),
});

export function createSocket(deps: SocketDeps): Socket {
  const { session, log } = deps;
  const throttle = createIdentifyThrottle(deps.clock);
  let gatewayUrl = '';
  let closed = false;
  let failures = 0;
  /** A connection broke without Discord's word on the session, which therefore still stands. */
  let broke = false;
  const resuming = new Set<number>();

  const manager = new WebSocketManager({
    token: deps.token,
    intents: INTENTS as GatewayIntentBits,
    rest: deps.api.rest,
    buildIdentifyThrottler: () => throttle,
    buildStrategy: (made) => createGuardedStrategy(made, deps.onBadFrame),
    // These hooks must neither throw nor wait: the order of events depends on it.
    retrieveSessionInfo(shard) {
      const found = session.get(shard);
      if (found === null) return null;
      const trusted = failures < RESUME_URL_TRIES && gatewayInfo.shape.url.safeParse(found.resumeURL).success;
      return trusted ? found : { ...found, resumeURL: gatewayUrl };
    },
    updateSessionInfo(shard, info: SessionInfo | null) {
      if (info === null && (closed || broke)) return;
      session.set(shard, info);
    },
  });

  manager.on(WebSocketShardEvents.Hello, ({ shardId }) => {
    broke = false;
    if (session.get(shardId) !== null) resuming.add(shardId);
    // A connection that was under way when we closed. Only once the library is done with this event: it sets the timer
    // of the first heartbeat after it, which nothing would clear then, and which keeps the process for up to 41 s.
    if (closed) setImmediate(() => void disconnect());
  });
  manager.on(WebSocketShardEvents.Ready, ({ shardId }) => {
    resuming.delete(shardId);
    up();
  });
  manager.on(WebSocketShardEvents.Resumed, ({ shardId }) => {
    resuming.delete(shardId);
    up();
  });
  manager.on(WebSocketShardEvents.Dispatch, ({ data, shardId }) => {
    if (closed) return;
    const replayed = resuming.has(shardId);
    deps.onDispatch({ shard: shardId, sequence: data.s, type: data.t, data: data.d, replayed });
  });
  manager.on(WebSocketShardEvents.Closed, ({ code }) => {
    if (closed) return;
    // 1006: the line broke; nobody said goodbye.
    broke = code === 1006;
    if (broke) failures += 1;
    const remedy = refusals[code];
    if (remedy === undefined)
      deps.onDrop(`The connection to Discord was closed (${code}), connecting again.`);
    else deps.onRefused(remedy);
  });
  manager.on(WebSocketShardEvents.Error, ({ error }) => {
    log.warn({ detail: errorMessage(error) }, 'the connection to Discord failed');
  });

  function up(): void {
    failures = 0;
    throttle.settled();
    deps.onUp();
  }

  async function disconnect(): Promise<void> {
    try {
      await manager.destroy({ code: RESUMABLE_CLOSE });
    } catch (error) {
      log.debug({ detail: errorMessage(error) }, 'closing the connection to Discord');
    }
  }

  return {
    async open() {
      const info = gatewayInfo.safeParse(
        await manager.fetchGatewayInformation(true).catch((error: unknown) => {
          throw toAppError(error);
        }),
      );
      if (!info.success)
        throw new AppError(
          'channel.unavailable',
          'Discord did not say where its gateway is; check channels.discord.api_url',
        );
      const { url, session_start_limit: limit } = info.data;
      if (limit.remaining < 1)
        throw new AppError(
          'channel.rate_limited',
          'Discord allows no further connection of this bot today; something starts it again and again',
          { details: { retryAfterMs: limit.reset_after } },
        );
      gatewayUrl = url;
      // It also rejects for a first connection that fails and is tried again; the events tell which it is.
      manager.connect().catch((error: unknown) => {
        log.debug({ detail: errorMessage(error) }, 'first connection to Discord failed');
      });
    },
    async close() {
      if (closed) return;
      closed = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, CLOSE_WAIT_MS);
      await Promise.race([disconnect(), promise]);
      clearTimeout(timer);
    },
  };
}

/** Discord's own pace of identifying: once in 5 s. */
const IDENTIFY_EVERY_MS = 5_000;
/** At this pace a bot that is refused all day long stays far below the 1,000 a day at which its token is reset. */
const IDENTIFY_AT_MOST_EVERY_MS = 5 * 60_000;
/** A connection that has held this long was a good one. */
const SETTLED_AFTER_MS = 60_000;

/** Backs off from identifying while connections do not hold; the first one is free. */
function createIdentifyThrottle(clock: Clock): {
  waitForIdentify(shard: number, signal: AbortSignal): Promise<void>;
  settled(): void;
} {
  let next = Number.NEGATIVE_INFINITY;
  let pause = IDENTIFY_EVERY_MS;
  let upSince: number | null = null;
  return {
    async waitForIdentify(_shard, signal) {
      const now = clock.monotonic();
      if (upSince !== null && now - upSince >= SETTLED_AFTER_MS) pause = IDENTIFY_EVERY_MS;
      upSince = null;
      const wait = Math.max(0, next - now);
      next = now + wait + pause;
      pause = Math.min(pause * 2, IDENTIFY_AT_MOST_EVERY_MS);
      if (wait > 0) await sleep(wait, signal);
    },
    settled() {
      upSince ??= clock.monotonic();
    },
  };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
