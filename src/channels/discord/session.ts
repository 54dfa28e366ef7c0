/**
 * What outlives a restart of the connection: the session to resume, up to which event everything has been stored, and
 * the last message seen in each channel for the back-fill. Resuming from before an event that was never stored makes
 * Discord send it again, so nothing is confirmed before it is durable.
 */
import { createHash } from 'node:crypto';
import type { SessionInfo } from '@discordjs/ws';
import { z } from 'zod';
import { errorMessage } from '../../domain/errors.ts';
import type { KeyValue } from '../../domain/feed.ts';
import type { Logger } from '../../domain/runtime.ts';

export type Identity = { readonly user: string; readonly application: string };

export type SessionKeeper = {
  open(): Promise<void>;
  identity(): Identity | undefined;
  setIdentity(identity: Identity): void;
  /** The session to resume; null: identify anew. */
  get(shard: number): SessionInfo | null;
  set(shard: number, session: SessionInfo | null): void;
  /** Settles once there is something durable to resume from: what is taken before would be lost by a crash. */
  begun(): Promise<void>;
  /** An event is in hand; call the result once it is durable or dropped. */
  begin(shard: number, sequence: number): () => void;
  /** Of a channel: everything up to this message is durable. */
  saw(channel: string, message: string): void;
  /** Channels, latest first, with the last message seen. */
  seen(): readonly (readonly [string, string])[];
  /** The latest message seen anywhere. */
  watermark(): string | undefined;
  flush(): Promise<void>;
};

const savedSession = z.object({
  token: z.string(),
  identity: z.object({ user: z.string(), application: z.string() }).nullable(),
  shards: z.array(
    z.object({
      sessionId: z.string(),
      resumeURL: z.string(),
      sequence: z.number(),
      shardId: z.number(),
      shardCount: z.number(),
    }),
  ),
});
const savedSeen = z.array(z.tuple([z.string(), z.string()]));

/** What is lost by a crash within it is sent again by Discord, and dropped here as known. */
const FLUSH_AFTER_MS = 1_000;
/** A value of the store holds 64 KiB, a channel takes about 45 bytes. */
const MAX_SEEN = 1_000;

/** Ids grow with time and with their length. */
export const isLater = (a: string, b: string): boolean =>
  a.length === b.length ? a > b : a.length > b.length;

export function createSessionKeeper(deps: {
  readonly token: string;
  readonly state: KeyValue;
  readonly log: Logger;
}): SessionKeeper {
  const { state, log } = deps;
  const token = createHash('sha256').update(deps.token).digest('base64url').slice(0, 16);
  const live = new Map<number, SessionInfo>();
  const inHand = new Map<number, Set<number>>();
  const channels = new Map<string, string>();
  let identity: Identity | undefined;
  let latest: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let saving: Promise<void> = Promise.resolve();
  let begun: Promise<void> = Promise.resolve();

  function touch(): void {
    timer ??= setTimeout(() => void flush({ isPatient: true }), FLUSH_AFTER_MS);
  }

  /** One before the first event that is not durable yet. */
  function durable(session: SessionInfo): SessionInfo {
    const open = inHand.get(session.shardId);
    if (open === undefined || open.size === 0) return session;
    return { ...session, sequence: Math.min(session.sequence, Math.min(...open) - 1) };
  }

  async function save(isPatient: boolean): Promise<void> {
    const shards = [...live.values()].map(durable);
    const seen = [...channels].slice(-MAX_SEEN);
    // In one commit, where the store can.
    await Promise.all([
      state.set('session', JSON.stringify({ token, identity: identity ?? null, shards }), isPatient),
      state.set('seen', JSON.stringify(seen), isPatient),
    ]);
  }

  function flush({ isPatient } = { isPatient: false }): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    saving = saving
      .then(() => save(isPatient))
      .catch((error: unknown) => {
        // What is stored is older, which is safe: more is sent again.
        log.warn({ detail: errorMessage(error) }, 'cannot store the Discord session');
      });
    return saving;
  }

  return {
    async open() {
      const session = savedSession.safeParse(parse(await state.get('session')));
      // Another token is another bot: nothing of the old one may be resumed.
      if (session.success && session.data.token === token) {
        identity = session.data.identity ?? undefined;
        // Without knowing who it is, the bot has to introduce itself anew.
        for (const shard of identity === undefined ? [] : session.data.shards) live.set(shard.shardId, shard);
        const seen = savedSeen.safeParse(parse(await state.get('seen')));
        for (const [channel, message] of seen.success ? seen.data : []) {
          channels.set(channel, message);
          if (latest === undefined || isLater(message, latest)) latest = message;
        }
      }
    },
    identity: () => identity,
    setIdentity(found) {
      const isNew = found.user !== identity?.user || found.application !== identity.application;
      identity = found;
      // A session without it cannot be resumed after a restart.
      if (isNew) begun = flush();
    },
    begun: () => begun,
    get: (shard) => live.get(shard) ?? null,
    set(shard, session) {
      const isNew = session !== null && session.sessionId !== live.get(shard)?.sessionId;
      if (session === null) live.delete(shard);
      else live.set(shard, session);
      // From the first moment on there is something to resume.
      if (isNew) begun = flush();
      else touch();
    },
    begin(shard, sequence) {
      const open = inHand.get(shard) ?? new Set();
      inHand.set(shard, open.add(sequence));
      return () => {
        open.delete(sequence);
        touch();
      };
    },
    saw(channel, message) {
      const before = channels.get(channel);
      channels.delete(channel);
      channels.set(channel, before !== undefined && isLater(before, message) ? before : message);
      if (latest === undefined || isLater(message, latest)) latest = message;
      const [oldest] = channels.keys();
      if (channels.size > MAX_SEEN && oldest !== undefined) channels.delete(oldest);
      touch();
    },
    seen: () => [...channels].toReversed(),
    watermark: () => latest,
    flush,
  };
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
